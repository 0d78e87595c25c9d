"""The whole application on real PostgreSQL, and readers who follow links and send forms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette

from app.commands import asset
from app.server import application
from app.settings import Settings
from app.sign_in import COOKIE
from app.system import System
from app.wiring import system as wired
from tests.builders import SmallPlan, a_plan, a_process, by


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """Everything, started."""
    settings = Settings.model_validate({"data_dir": tmp_path, "secret_key": "a key for tests alone"})
    async with wired(settings, database) as running:
        yield running


@pytest.fixture
def app(system: System) -> Starlette:
    """The application as it is served."""
    return application(system)


class _Forms(HTMLParser):
    """The forms of a page: action, and the values that a browser would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", "")
        if tag == "form":
            self.forms.append((found.get("action", ""), {}))
        elif not self.forms:
            return
        elif tag == "input" and name:
            if found.get("type") in ("radio", "checkbox") and "checked" not in found:
                return
            self.forms[-1][1][name] = found.get("value", "")
        elif tag == "textarea":
            self._area = name
            self.forms[-1][1][name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            values = self.forms[-1][1]
            if "selected" in found or self._select not in values:
                values[self._select] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            values = self.forms[-1][1]
            values[self._area or ""] = values[self._area or ""].removeprefix("\n")  # as HTML says
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1][1][self._area] += data


@dataclass
class Reader:
    """Somebody with a browser that knows no scripts."""

    client: httpx.AsyncClient
    person: UUID

    async def get(self, path: str, status: int = 200) -> str:
        """The page's HTML."""
        answer = await self.client.get(path)
        assert answer.status_code == status, f"{answer.status_code} {answer.headers} {answer.text[:500]}"
        return answer.text

    async def send(self, page: str, action: str, *, status: int = 303, **entered: str) -> httpx.Response:
        """Open a page, fill in the form with this action, and send it."""
        return await self.post(action, status=status, **{**await self.form(page, action), **entered})

    async def form(self, page: str, action: str) -> dict[str, str]:
        """The values of a page's form before anything is typed."""
        parser = _Forms()
        parser.feed(await self.get(page))
        found = [values for known, values in parser.forms if known == action]
        assert found, f"no form {action} among {[known for known, _ in parser.forms]}"
        return found[0]

    async def post(self, action: str, *, status: int = 303, **values: str) -> httpx.Response:
        answer = await self.client.post(action, data=values)
        assert answer.status_code == status, f"{answer.status_code} {answer.text[:800]}"
        return answer


SignUp = Callable[..., Awaitable[Reader]]


@pytest.fixture
async def sign_up(app: Starlette, system: System) -> AsyncIterator[SignUp]:
    """Makes readers."""
    clients: list[httpx.AsyncClient] = []

    async def make(name: str = "Ilze", language: str = "en") -> Reader:
        email = f"{name.lower()}-{uuid4().hex[:8]}@example.org"
        profile = await system.people.register(None, email=email, name=name, language=language)
        cookie, _ = await system.sign_in.open_session(profile.person)
        client = browser(app)
        client.cookies.set(COOKIE, cookie, domain="127.0.0.1")
        clients.append(client)
        return Reader(client, profile.person)

    yield make
    for client in clients:
        await client.aclose()


def browser(app: Starlette) -> httpx.AsyncClient:
    """A browser that has not signed in."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", headers={"Accept": "text/html"}
    )


@pytest.fixture
async def visitor(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has not signed in."""
    async with browser(app) as client:
        yield client


@pytest.fixture
async def ilze(sign_up: SignUp) -> Reader:
    """Somebody."""
    return await sign_up("Ilze")


@pytest.fixture
async def janis(sign_up: SignUp) -> Reader:
    """Somebody else."""
    return await sign_up("Jānis")


@dataclass(frozen=True)
class Work:
    """A process of Ilze's with a small plan, and in its task one document."""

    process: UUID
    plan: SmallPlan
    asset: UUID
    document: UUID

    @property
    def here(self) -> str:
        return f"/processes/{self.process}"

    @property
    def task(self) -> str:
        return f"{self.here}/nodes/{self.plan.task}"


@pytest.fixture
async def work(system: System, ilze: Reader) -> Work:
    """Something to look at, taken in by every view."""
    process = await a_process(system, ilze.person)
    plan = await a_plan(system, ilze.person, process)
    done = await asset.create(
        system, by(ilze.person), node=plan.task, kind="document", title="Notes & <b>costs</b>"
    )
    assert done.document is not None
    await system.views.wait_all(done.position)
    return Work(process, plan, done.id, done.document)
