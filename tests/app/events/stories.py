"""A story in which every event type happens once at least, told over the API."""

from __future__ import annotations

from datetime import timedelta

from app.privacy.erasure import erase
from app.privacy.retention import retain
from app.system import System
from tests.app.api.conftest import Somebody
from tests.app.api.test_documents import burst


async def every_type(system: System, ana: Somebody, bruno: Somebody) -> str:
    """What Ana does in her process, until Bruno is forgotten; returns the process."""
    process = await ana.a_process()
    await ana.patch(f"/api/v1/processes/{process}", {"title": "Parks", "description": "Green"})
    phase, _, task = await ana.a_task(process)
    await _plan(ana, phase, task)
    await _assets(ana, system, process, task)
    permission = (await ana.let_in(bruno, process, "edit"))["id"]
    await ana.delete(f"/api/v1/permissions/{permission}")
    await ana.get(f"/api/v1/events?process={process}")
    await system.accesses.write()
    await ana.patch(f"/api/v1/processes/{process}/keeping", {"ground": "archiving"})
    await ana.patch(f"/api/v1/processes/{process}/keeping", {"ground": None})
    await retain(system, {"access.recorded": timedelta()})
    await erase(system, bruno.person, basis="consent_withdrawn", text="redact", by=None)
    return process


async def _plan(ana: Somebody, phase: str, task: str) -> None:
    await ana.patch(f"/api/v1/nodes/{task}", {"title": "Trees", "description": "Many"})
    await ana.post(f"/api/v1/nodes/{task}/status", {"status": "finished"})
    process = (await ana.get(f"/api/v1/nodes/{phase}"))["process"]
    other = (await ana.post(f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": "Before"}))["id"]
    await ana.post(f"/api/v1/nodes/{other}/move", {"parent": None, "before": phase})
    await ana.post(f"/api/v1/nodes/{task}/disable")
    await ana.post(f"/api/v1/nodes/{task}/restore")


async def _assets(ana: Somebody, system: System, process: str, task: str) -> None:
    made = await ana.a_document(task)
    await ana.patch(f"/api/v1/assets/{made['id']}", {"title": "Which trees"})
    await ana.post(f"/api/v1/assets/{made['id']}/disable")
    await ana.post(f"/api/v1/assets/{made['id']}/restore")
    document = made["document"]
    position = await burst(system, document, process, ana.person, "Linden")
    ana.position = max(ana.position, position)
    await ana.post(f"/api/v1/documents/{document}/versions", {"name": "First", "at": str(position)})
    await ana.post(f"/api/v1/documents/{document}/restore", {"at": str(position - 1)})
