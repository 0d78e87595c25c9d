"""What tasks produce or use: documents and links."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import model_validator

from app.api.writing import Written
from app.commands import asset
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from domain.asset import Kind
from domain.document import Format


class NewAsset(Input):
    """A live document (`format`, `language`: the process's unless given) or a link (`url`)."""

    kind: Kind
    title: str
    format: Format = "richtext"
    url: str | None = None
    language: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kind == "document" and self.url is not None:
            raise ValueError("a document has no url")
        if self.kind == "link" and self.url is None:
            raise ValueError("a link needs a url")
        return self


class AssetWritten(Written):
    """A new asset; `document` is its live document, if it has one."""

    document: UUID | None = None


class Title(Input):
    """A new title."""

    title: str


@endpoint("POST", "/api/v1/nodes/{node}/assets", scope="write", status=201, summary="Add a document or link")
async def add(call: Call, node: UUID, body: NewAsset) -> AssetWritten:
    """Put an asset under a node; the first one starts a task that awaits. Needs `edit`."""
    done = await asset.create(
        call.system,
        call.context,
        node=node,
        kind=body.kind,
        title=body.title,
        format=body.format,
        url=body.url,
        language=body.language,
    )
    return AssetWritten(id=done.id, position=done.position, document=done.document)


@endpoint("PATCH", "/api/v1/assets/{id}", scope="write", summary="Rename an asset")
async def rename(call: Call, id: UUID, body: Title) -> Written:
    """Give an asset another title. Needs `edit`."""
    return Written.of(await asset.rename(call.system, call.context, asset=id, title=body.title))


@endpoint("POST", "/api/v1/assets/{id}/disable", scope="write", summary="Take an asset out of use")
async def disable(call: Call, id: UUID) -> Written:
    """The asset is out of use until restored; its document can't be opened. Needs `delete`."""
    return Written.of(await asset.disable(call.system, call.context, asset=id))


@endpoint("POST", "/api/v1/assets/{id}/restore", scope="write", summary="Put an asset back into use")
async def restore(call: Call, id: UUID) -> Written:
    """A disabled asset is in use again. Needs `delete`."""
    return Written.of(await asset.restore(call.system, call.context, asset=id))


routes = routes_of(add, rename, disable, restore)
