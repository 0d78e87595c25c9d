"""The code on the page for integrators (docs/live.md) runs as it stands there."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from app.database.postgres import Pool
from realtime.limits import Limits
from tests.interop.live_server import live_system, place, served
from tests.nodejs import NODE, SCRIPTS, Node

pytestmark = pytest.mark.interop

PAGE = Path(__file__).parents[2] / "docs" / "live.md"
EXAMPLES = re.findall(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
ENDING = """
const all = typeof providers === 'undefined' ? [provider] : providers
const limit = Date.now() + 60000
const text = each => (each.doc ?? each.document).getText('content')
const done = each => each.synced && !each.hasUnsyncedChanges && text(each).toString() === 'sveiki'
text(all[0]).insert(0, 'sveiki')
while (!all.every(done)) {
  if (Date.now() > limit) throw new Error('not synced')
  await new Promise(resolve => setTimeout(resolve, 10))
}
process.exit(0)
"""


def run(example: str, **given: str) -> None:
    """Run an example with these names defined, until all of its providers have what one of them wrote."""
    names = "".join(f"const {name} = {json.dumps(value)}\n" for name, value in given.items())
    subprocess.run(
        [NODE, "--input-type=module"],
        input=names + example + ENDING,
        cwd=SCRIPTS,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
async def test_the_examples_run(pool: Pool, node: Node, example: str) -> None:
    async with live_system(pool, Limits()) as system, served(system) as url:
        spot = await place(system)
        token, _ = system.sign_in.ticket(spot.owner, spot.document)
        given = {"server": url.removesuffix("/live"), "documentId": str(spot.document), "token": token}
        await asyncio.to_thread(run, example, **given)


def test_the_limits_are_those_of_the_code() -> None:
    limits, page = Limits(), PAGE.read_text()
    for told in (
        f"frame | {limits.frame >> 20} MiB",
        f"{limits.updates_per_second:.0f} edits/s and {limits.update_bytes_per_second / 2**20:.0f} MiB/s",
        f"over {limits.rate_window:.0f} s",
        f"{limits.awareness_state >> 10} KiB for each client id",
        f"passed on {limits.awareness_per_second:.0f} times a second",
        f"document | {limits.document_state >> 20} MiB",
        f"{limits.connections_per_person} connections",
        f"{limits.documents_per_connection:,} documents; {limits.pending_documents}",
        f"{limits.pending_messages:,} messages and {limits.pending_bytes >> 20} MiB",
        f"first good token within {limits.handshake:.0f} s",
    ):
        assert told in page, told
    assert len(EXAMPLES) == 3
