"""From the parts of a request to typed values, and what becomes of those that do not fit."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from starlette.requests import Request

from app.http.binding import Input, read_body, read_path, read_query
from app.http.problems import Problem
from domain.errors import NotFound
from tests.app.http.conftest import MakeClient, bearer
from tests.app.http.test_endpoint import ID, POOL, Body, make, show


class Span(Input):
    first: int = Field(0, alias="from")
    words: list[str] = Field([], alias="word")
    after: int = 0


def request(query: str = "", body: bytes = b"", **headers: str) -> Request:
    """A request as the server gives it; the body comes in two parts."""
    parts = [(body[:3], True), (body[3:], False)]

    async def receive() -> dict[str, Any]:
        data, more = parts.pop(0)
        return {"type": "http.request", "body": data, "more_body": more}

    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {"type": "http", "method": "POST", "query_string": query.encode(), "headers": sent}, receive
    )


def query_of(text: str, *, waits: bool = False) -> dict[str, Any]:
    return read_query(Span, request(text), waits=waits).model_dump(exclude_unset=True)


def refusal(text: str) -> Problem:
    with pytest.raises(Problem) as raised:
        query_of(text)
    return raised.value


@given(st.uuids(), st.integers(0, 999_999_999), st.text())
def test_a_path_leads_to_what_its_parts_stand_for(id: UUID, number: int, word: str) -> None:
    parts: dict[str, type] = {"id": UUID, "number": int, "word": str}
    read = read_path(parts, {"id": str(id).upper(), "number": str(number), "word": word})
    assert read == {"id": id, "number": number, "word": word}


@pytest.mark.parametrize("hint", [UUID, int])
@given(text=st.one_of(st.text(), st.from_regex(r"[-+ ]?[0-9_٣]{1,20}")))
def test_a_path_that_is_written_otherwise_leads_nowhere(hint: type, text: str) -> None:
    try:
        found = read_path({"part": hint}, {"part": text})["part"]
    except NotFound:
        return
    assert hint is int
    assert text.lstrip("0") in (str(found), "" if found == 0 else str(found))


@pytest.mark.parametrize("text", ["1" * 10, "9" * 5_000, "-1", "+1", " 1", "1_0", "٣", "1.0", ""])
def test_a_number_in_a_path_is_of_nine_plain_digits_at_most(text: str) -> None:
    assert read_path({"n": int}, {"n": "9" * 9}) == {"n": 999_999_999}
    with pytest.raises(NotFound):
        read_path({"n": int}, {"n": text})


def test_a_parameter_comes_once_unless_it_is_a_list() -> None:
    assert query_of("from=3&word=b&word=a") == {"first": 3, "words": ["b", "a"]}
    refused = refusal("from=1&from=1")
    assert (refused.status, refused.errors[0].field, refused.errors[0].code) == (422, "from", "given_twice")


def test_a_parameter_that_is_not_known_is_named() -> None:
    [error] = refusal("form=1").errors
    assert error.field == "form"


@pytest.mark.parametrize("name", ["from", "word", "other"])
def test_no_parameter_holds_what_no_text_may(name: str) -> None:
    [error] = refusal(f"{name}=a%00").errors
    assert (error.field, error.code) == (name, "bad_characters")


def test_a_refusal_repeats_no_more_than_the_beginning_of_a_name() -> None:
    [error] = refusal("x" * 5_000 + "=%00").errors
    assert error.field == "x" * 100


def test_where_an_answer_waits_for_a_position_the_position_is_not_the_querys() -> None:
    assert query_of("after=4") == {"after": 4}
    assert query_of("after=4&after=5&from=1", waits=True) == {"first": 1}


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("application/json", True),
        ("APPLICATION/JSON ; charset=utf-8", True),
        ('application/json; charset="UTF-8"', True),
        ("application/json; charset=us-ascii", True),
        ("application/cloudevents+json", True),
        ("application/json; charset=latin-1", False),
        ('application/json; x=1; Charset = "utf-16"', False),
        ("application/jsonl", False),
        ("application/x-json", False),
        ("text/json", False),
        ("application/+json", False),
        ("multipart/form-data; boundary=application/json", False),
    ],
)
async def test_a_body_is_json_in_utf_8_by_its_own_account(kind: str, good: bool) -> None:
    asked = read_body(Body, request(body=b'{"name":"x"}', content_type=kind))
    if good:
        assert (await asked)[0].name == "x"
        return
    with pytest.raises(Problem) as raised:
        await asked
    assert raised.value.status == 415


@pytest.mark.parametrize(("coding", "good"), [("identity", True), (" Identity ", True), ("gzip", False)])
async def test_a_body_is_taken_as_it_is(coding: str, good: bool) -> None:
    sent = request(body=b'{"name":"x"}', content_type="application/json", content_encoding=coding)
    if good:
        await read_body(Body, sent)
        return
    with pytest.raises(Problem) as raised:
        await read_body(Body, sent)
    assert raised.value.status == 415


async def test_the_same_body_written_otherwise_has_the_same_canonical_bytes() -> None:
    bodies = [b'{"name":"\\u00e9", "size":1}', '{ "size": 1,\t"name": "é" }'.encode()]
    read = [await read_body(Body, request(body=body, content_type="application/json")) for body in bodies]
    assert read[0] == read[1]
    assert read[0][1] == '{"name":"é","size":1}'.encode()


async def test_a_body_that_breaks_off_is_a_bad_request() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    headers = [(b"content-type", b"application/json")]
    broken = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(Problem) as raised:
        await read_body(Body, broken)
    assert (raised.value.status, raised.value.code) == (400, "bad_request")


@pytest.mark.parametrize(
    "id", ["x", "1", "%00", f"{{{ID}}}", ID.hex, f"urn:uuid:{ID}", f"{ID}%20", "0" * 5000, "..%2f..", "é"]
)
async def test_a_path_that_leads_nowhere(make_client: MakeClient, id: str) -> None:
    answer = await make_client(show).get(f"/things/{id}", headers=bearer())
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_content_types(make_client: MakeClient) -> None:
    client = make_client(make, pool=POOL)
    good, body = bearer(), b'{"name":"x"}'
    for kind in ("application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"):
        answer = await client.post(f"/things/{ID}", content=body, headers={**good, "Content-Type": kind})
        assert answer.status_code == 201, kind
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"):
        answer = await client.post(f"/things/{ID}", content=body, headers={**good, "Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type"), kind
    headers = {**good, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await client.post(f"/things/{ID}", content=body, headers=headers)).status_code == 415


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"name": "x", "size": "1"}, "size"),
        ({"name": "x", "size": True}, "size"),
        ({"name": "x", "size": 1.5}, "size"),
        ({"name": "x", "inner": ["x"]}, "inner.0"),
        ({"name": "x", "inner": {}}, "inner"),
        ({"name": "x", "other": 1}, "other"),
        ([], ""),
        ("x", ""),
        (None, ""),
    ],
)
async def test_bodies_that_do_not_fit(make_client: MakeClient, body: object, field: str) -> None:
    headers = {**bearer(), "Content-Type": "application/json"}
    answer = await make_client(make, pool=POOL).post(
        f"/things/{ID}", content=json.dumps(body), headers=headers
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert set(answer.json()["errors"][0]) == {"field", "code", "message"}


async def test_bodies_that_are_no_json(make_client: MakeClient) -> None:
    headers = {**bearer(), "Content-Type": "application/json"}
    client = make_client(make, pool=POOL)
    for body in (b"", b"{", b'{"name":"\xff"}', b'{"name":"x","name":"y"}', b"[" * 10_000):
        answer = await client.post(f"/things/{ID}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "json_invalid")


@pytest.mark.parametrize(
    "query", ["number=0", "number=x", "number=1&number=1", "word=%00", "other=1", "many=%00", "number="]
)
async def test_queries_that_do_not_fit(make_client: MakeClient, query: str) -> None:
    answer = await make_client(show).get(f"/things/{ID}?{query}", headers=bearer())
    assert answer.status_code == 422
    assert answer.json()["errors"]
