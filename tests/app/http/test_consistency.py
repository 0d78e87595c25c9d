"""Reading one's own writes."""

from __future__ import annotations

import httpx
import pytest

from app.http.endpoint import Call, endpoint
from domain.errors import Unavailable
from tests.app.http.conftest import MakeClient, bearer


class Views:
    """Remembers what was waited for."""

    def __init__(self) -> None:
        self.waited: list[int] = []

    async def wait_all(self, position: int) -> None:
        self.waited.append(position)
        if position == 9:
            raise Unavailable("views are behind")

    async def head(self) -> int:
        return 10


@endpoint("GET", "/waits", scope="read", waits=True, summary="Wait")
async def waits(call: Call) -> str:
    return "x"


@pytest.fixture
def views() -> Views:
    return Views()


@pytest.fixture
def client(make_client: MakeClient, views: Views) -> httpx.AsyncClient:
    found = make_client(waits, views=views, log=views)
    found.headers.update(bearer())
    return found


async def test_waits_for_the_highest_position_named(client: httpx.AsyncClient, views: Views) -> None:
    await client.get("/waits")
    await client.get("/waits?after=0")
    assert views.waited == []
    await client.get("/waits?after=3")
    await client.get("/waits", headers={"If-Position-At-Least": "4"})
    await client.get("/waits?after=5", headers={"If-Position-At-Least": "2"})
    await client.get("/waits", headers=[("If-Position-At-Least", "6"), ("If-Position-At-Least", "7")])
    assert views.waited == [3, 4, 5, 7]


async def test_says_when_views_are_late(client: httpx.AsyncClient) -> None:
    answer = await client.get("/waits?after=9")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "bad", ["", "-1", "x", "1.0", "1e3", " 5 5", "0x1", "٣", "9" * 19, "9" * 5000, "+1", "1_0", "11"]
)
async def test_refuses_what_is_no_position(client: httpx.AsyncClient, views: Views, bad: str) -> None:
    for answer in (
        await client.get("/waits", params={"after": bad}),
        await client.get("/waits", headers={"If-Position-At-Least": bad.encode()}),  # type: ignore[dict-item]
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] in ("position_invalid", "position_ahead")
    assert views.waited == []
