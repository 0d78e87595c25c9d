"""Files as answers: names that are safe, files that run nothing, and what a request brings."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from app.conversion.answers import Sent, as_problems, disposition, received
from app.conversion.errors import NotConverted
from app.http.problems import Problem


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Plan", "attachment; filename=\"Plan.md\"; filename*=UTF-8''Plan.md"),
        (
            "Ādažu\r\nX: 1/2",
            "attachment; filename=\"Adazu X 1 2.md\"; filename*=UTF-8''%C4%80da%C5%BEu%20X%201%202.md",
        ),
        ('..\\"x"', "attachment; filename=\"x.md\"; filename*=UTF-8''x.md"),
        ("計画", "attachment; filename=\"document.md\"; filename*=UTF-8''%E8%A8%88%E7%94%BB.md"),
        ("...", "attachment; filename=\"document.md\"; filename*=UTF-8''document.md"),
    ],
    ids=["plain", "latvian", "dots", "japanese", "nothing"],
)
def test_file_names_are_safe(title: str, expected: str) -> None:
    assert disposition(title, ".md") == expected


@given(st.text(max_size=150))
def test_whatever_the_title_a_name_is_one_plain_name(title: str) -> None:
    header = disposition(title, ".odt")
    assert header.isascii()
    assert header.isprintable()
    plain, full = header.removeprefix('attachment; filename="').split("\"; filename*=UTF-8''")
    for name in (plain, unquote(full)):
        assert name.endswith(".odt")
        assert not name.startswith(".")
        assert not set(name) & set('/\\:*?"<>|\r\n\x00')
        assert len(name) <= 104 or not title.isascii()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("file_type_unknown", 415),
        ("file_too_large", 413),
        ("document_full", 413),
        ("too_slow", 422),
        ("failed", 422),
    ],
)
def test_what_cannot_be_converted_is_a_problem_with_its_code(code: str, status: int) -> None:
    with pytest.raises(Problem) as problem, as_problems():
        raise NotConverted(code, "why")
    assert (problem.value.status, problem.value.code) == (status, code)


def request(body: bytes, kind: str | None) -> Request:
    """A request that ends before it is whole if its body ends with a dash."""
    headers = [] if kind is None else [(b"content-type", kind.encode())]
    parts: list[Any] = [{"type": "http.request", "body": body, "more_body": body.endswith(b"-")}]
    parts.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return parts.pop(0)

    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def form(*parts: tuple[str, bytes]) -> bytes:
    made = (
        b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body
        for head, body in parts
    )
    return b"\r\n".join(made) + b"\r\n--b--\r\n"


async def test_a_body_is_a_file_without_a_name() -> None:
    assert await received(request(b"x", "text/markdown")) == Sent("", "text/markdown", b"x")
    assert await received(request(b"", None)) == Sent("", "", b"")


async def test_a_form_brings_a_file_and_fields_beside_it() -> None:
    body = form(
        ('name="mode"', b"replace"),
        ('name="file"; filename="a.md"\r\nContent-Type: text/markdown', b"# a\r\n"),
    )
    sent = await received(request(body, "Multipart/Form-Data; boundary=b"))
    assert sent == Sent("a.md", "text/markdown", b"# a\r\n", {"mode": "replace"})


@pytest.mark.parametrize("head", ['name="file"', 'name="other"; filename="a.md"'])
async def test_a_form_without_a_file_is_a_problem(head: str) -> None:
    with pytest.raises(Problem) as problem:
        await received(request(form((head, b"x")), "multipart/form-data; boundary=b"))
    assert problem.value.code == "file_missing"


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=b"])
async def test_a_body_that_does_not_arrive_whole_is_a_problem(kind: str) -> None:
    half = form(('name="file"; filename="a.md"', b"half of it-")).partition(b"-\r\n--b--")[0] + b"-"
    with pytest.raises(Problem) as problem:
        await received(request(half, kind))
    assert (problem.value.status, problem.value.code) == (400, "bad_request")
