"""Documents as HTTP answers, and the files that requests bring."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.authorization import DocumentAccess
from app.conversion.converter import Content, Converter
from app.conversion.errors import NotConverted
from app.conversion.formats import FORMATS
from app.conversion.reading import Into
from app.http.problems import Problem
from realtime.crdt import compose, json_of, text_of

FORM = "multipart/form-data"
READABLE_AS = ("text/plain", "text/markdown", "text/html")  # beside JSON
Shown = Literal["json", "text", "markdown", "html"]

# A made file runs nothing, also when somebody opens it at our address.
_SANDBOX = "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; sandbox"
_STATUS = {"file_type_unknown": 415, "file_too_large": 413, "document_full": 413}
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that a request brought; `fields` are the other fields of its form."""

    name: str
    media_type: str
    data: bytes
    fields: Mapping[str, str] = field(default_factory=dict)


async def shown(converter: Converter, access: DocumentAccess, content: Content, format: Shown) -> Response:
    """What a document says, at whatever moment `content` is of, as an answer in one of the readable forms."""
    headers = {"Cache-Control": "no-store", "Content-Language": access.language}
    if format in ("markdown", "html"):
        kind = "md" if format == "markdown" else "html"
        with as_problems():
            made = await converter.write(content, kind, _into(access), whole=False)
        headers["Content-Security-Policy"] = _SANDBOX
        return Response(made, headers=headers, media_type=FORMATS[kind].media_type)
    if format == "text":
        return PlainTextResponse(await asyncio.to_thread(_text, content), headers=headers)
    return JSONResponse(await asyncio.to_thread(_json, content), headers=headers)


def _text(content: Content) -> str:
    state = compose(content.json) if content.state is None else content.state
    return text_of(state, content.format)


def _json(content: Content) -> Any:
    return content.json if content.state is None else json_of(content.state, content.format)


async def as_file(converter: Converter, access: DocumentAccess, content: Content, kind: str) -> Response:
    """A document as a file to download; raises NotConverted, Unavailable."""
    made = await converter.write(content, kind, _into(access))
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": access.language,
        "Content-Disposition": disposition(access.title, FORMATS[kind].extensions[0]),
        "Content-Security-Policy": _SANDBOX,
    }
    return Response(made, headers=headers, media_type=FORMATS[kind].media_type)


def disposition(title: str, extension: str) -> str:
    """A Content-Disposition for a file named after a title: in ASCII, and in full (RFC 6266, RFC 8187)."""
    name = _FORBIDDEN.sub(" ", title)
    name = " ".join(name.split()).strip(". ")[:_NAME_LENGTH].strip(". ") or "document"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", plain).strip(". ") or "document"
    full = quote((name + extension).encode("utf-8", "ignore"), safe="")
    return f"attachment; filename=\"{plain}{extension}\"; filename*=UTF-8''{full}"


@contextmanager
def as_problems() -> Iterator[None]:
    """Tell what can't be converted as a problem."""
    try:
        yield
    except NotConverted as refusal:
        raise Problem(_STATUS.get(refusal.code, 422), refusal.code, str(refusal)) from None


async def received(request: Request) -> Sent:
    """The file that was sent, as the body or in a form; raises a Problem."""
    kind = request.headers.get("content-type", "")
    try:
        if not kind.lower().startswith(FORM):
            return Sent("", kind, await request.body())
        async with request.form(max_files=1, max_fields=10) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            found = form.get("file")
            if isinstance(found, UploadFile):
                return Sent(found.filename or "", found.content_type or "", await found.read(), fields)
    except ClientDisconnect:
        raise Problem(400, "bad_request", "the body did not arrive whole") from None
    raise Problem(422, "file_missing", "send the file as the form's field “file”")


def _into(access: DocumentAccess) -> Into:
    return Into(access.title, access.language)
