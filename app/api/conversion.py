"""Documents as files, and files into documents."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from starlette.responses import Response

from app.api.writing import Output
from app.conversion.answers import FORM, as_file, as_problems, received
from app.conversion.converter import Content
from app.conversion.formats import FORMATS, MADE, READABLE
from app.conversion.importing import Upload, bring_in
from app.door import Visitor
from app.http import body_limit
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of

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
    produces={FORMATS[kind].media_types[0]: None for kind in MADE},
)
async def export(call: Call, id: UUID, query: Kind) -> Response:
    """What is committed at this moment, with title and language, as a file to keep."""
    access = await call.system.authorization.document(call.person, id)
    state = await call.system.hub.read(id)
    with as_problems():
        return await as_file(call.system.converter, access, Content(access.format, state), query.format)


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
    body_limit.allow(call.request.scope, limit + body_limit.ENVELOPE)
    assert call.command is not None  # every write has one
    visitor = Visitor(call.person, may_write=True)
    sent = await received(call.request)
    upload = Upload(sent.name, sent.media_type, sent.data, query.mode == "replace", call.command.id)
    with as_problems():
        left_out = await bring_in(call.system, visitor, id, upload)
    told = [
        LeftOut(code=code, count=count, detail=LEFT_OUT[code]) for code, count in sorted(left_out.items())
    ]
    return Imported(document=id, left_out=told)


routes = routes_of(export, import_)
