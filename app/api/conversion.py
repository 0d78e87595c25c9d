"""Documents as files, and files into documents."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.api.writing import Output
from app.authorization import DocumentAccess
from app.conversion.converter import Content, Converter
from app.conversion.errors import NotConverted
from app.conversion.formats import FORMATS, READABLE
from app.conversion.importing import Upload, bring_in
from app.conversion.reading import Into
from app.door import Visitor
from app.http import body_limit
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem
from realtime.crdt import json_of, text_of

FORM = "multipart/form-data"
ENVELOPE = 64 * 1024  # bytes around a file in a form
# A made file runs nothing, also when somebody opens it at our address.
_SANDBOX = "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; sandbox"
_STATUS = {"file_type_unknown": 415, "file_too_large": 413, "document_full": 413}
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_NAME_LENGTH = 100

READABLE_AS = ("text/plain", "text/markdown", "text/html")  # beside JSON
Shown = Literal["json", "text", "markdown", "html"]

LEFT_OUT = {
    "picture_too_large": "pictures larger than is kept in a document",
    "picture_missing": "pictures that the file only names",
    "picture_kind": "pictures of other kinds than PNG, JPEG, GIF and WebP",
    "picture_without_text": "pictures that came without an alternative text; write one",
    "style": "styles that the editor does not have; their text is there",
    "raw": "code of other programs",
}


class LeftOut(Output):
    """Something that could not be kept, and how often."""

    code: str
    count: int
    detail: str


class Imported(Output):
    """The document that a file went into. Its content is committed, and everybody there sees it."""

    document: UUID
    left_out: list[LeftOut]


class Kind(Input):
    """As what kind of file to get it."""

    format: Literal["md", "html", "docx", "odt", "pdf"]


class How(Input):
    """`append`: at the end. `replace`: instead of what stands there now, which history keeps."""

    mode: Literal["append", "replace"] = "append"


@endpoint(
    "GET",
    "/api/v1/documents/{id}/export",
    scope="read",
    waits=True,
    summary="A document as a file",
    produces={FORMATS[kind].media_types[0]: None for kind in ("md", "html", "docx", "odt", "pdf")},
)
async def export(call: Call, id: UUID, query: Kind) -> Response:
    """What is committed at this moment, with title and language, as a file to keep."""
    access = await call.system.authorization.document(call.person, id)
    state = await call.system.hub.read(id)
    with as_problems():
        return await file(call.system.converter, access, Content(access.format, state), query.format)


@endpoint(
    "POST",
    "/api/v1/documents/{id}/import",
    scope="write",
    summary="A file into a document",
    consumes={FORM: None, **{FORMATS[kind].media_types[0]: None for kind in READABLE}},
)
async def import_(call: Call, id: UUID, query: How) -> Imported:
    """Write a file's content into the document: answered once it is committed.

    Send the file in a form, or as the body with its media type. What the editor has no place for
    is left out and told.
    """
    limit = call.system.settings.conversion.upload
    body_limit.allow(call.request.scope, limit + ENVELOPE)
    assert call.command is not None  # every write has one
    visitor = Visitor(call.person, may_write=True)
    name, media_type, data = await _received(call.request)
    upload = Upload(name, media_type, data, query.mode == "replace", call.command.id)
    with as_problems():
        left_out = await bring_in(call.system, visitor, id, upload)
    told = [
        LeftOut(code=code, count=count, detail=LEFT_OUT[code]) for code, count in sorted(left_out.items())
    ]
    return Imported(document=id, left_out=told)


async def shown(converter: Converter, access: DocumentAccess, content: Content, format: Shown) -> Response:
    """What a document says, at whatever moment `content` is of, as an answer in one of the readable forms."""
    headers = {"Cache-Control": "no-store", "Content-Language": access.language}
    if format in ("markdown", "html"):
        kind = "md" if format == "markdown" else "html"
        with as_problems():
            made = await converter.write(content, kind, _into(access), whole=False)
        headers["Content-Security-Policy"] = _SANDBOX
        return Response(made, headers=headers, media_type=FORMATS[kind].media_type)
    assert content.state is not None
    if format == "text":
        text = await asyncio.to_thread(text_of, content.state, content.format)
        return PlainTextResponse(text, headers=headers)
    return JSONResponse(await asyncio.to_thread(json_of, content.state, content.format), headers=headers)


async def file(converter: Converter, access: DocumentAccess, content: Content, kind: str) -> Response:
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


async def _received(request: Request) -> tuple[str, str, bytes]:
    """Name, media type and bytes of the file that was sent; raises a Problem."""
    kind = request.headers.get("content-type", "")
    try:
        if not kind.lower().startswith(FORM):
            return "", kind, await request.body()
        async with request.form(max_files=1, max_fields=10) as form:
            found = form.get("file")
            if isinstance(found, UploadFile):
                return found.filename or "", found.content_type or "", await found.read()
    except ClientDisconnect:
        raise Problem(400, "bad_request", "the body did not arrive whole") from None
    raise Problem(422, "file_missing", "send the file as the form's field “file”")


def _into(access: DocumentAccess) -> Into:
    return Into(access.title, access.language)


routes = routes_of(export, import_)
