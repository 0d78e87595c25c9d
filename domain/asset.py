"""An asset: something a task produces or uses. A live document, a link."""

from __future__ import annotations

from typing import Literal, get_args
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.errors import Invalid

Kind = Literal["document", "link"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Asset(Aggregate):
    """One thing under a task, with a title of its own."""

    class Created(Aggregate.Created):
        """The asset was put under a node; `document` or `url` says what it is."""

        TOPIC = "asset.created"
        TAGGED = ("node",)
        process: UUID
        node: UUID
        kind: Kind
        title: str
        document: UUID | None
        url: str | None

    class Renamed(Aggregate.Event):
        """The asset has a new title."""

        TOPIC = "asset.renamed"
        title: str

        def apply(self, aggregate: Asset) -> None:
            aggregate.title = self.title

    class Disabled(Aggregate.Event):
        """The asset is out of use; its document can't be opened."""

        TOPIC = "asset.disabled"

        def apply(self, aggregate: Asset) -> None:
            aggregate.enabled = False

    class Restored(Aggregate.Event):
        """The asset is in use again."""

        TOPIC = "asset.restored"

        def apply(self, aggregate: Asset) -> None:
            aggregate.enabled = True

    def __init__(
        self, process: UUID, node: UUID, kind: Kind, title: str, document: UUID | None, url: str | None
    ) -> None:
        self.process = process
        self.node = node
        self.kind = kind
        self.title = title
        self.document = document
        self.url = url
        self.enabled = True

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        process: UUID,
        node: UUID,
        kind: Kind,
        title: str,
        document: UUID | None = None,
        url: str | None = None,
    ) -> Asset:
        """A new asset; raises Invalid when kind, document and address do not fit together."""
        if kind not in KINDS:
            raise Invalid(f"an asset is one of {', '.join(KINDS)}", code="kind_unknown", field="kind")
        if (kind == "document") != (document is not None):
            raise Invalid("a document asset has a document, no other has", code="document_unfit")
        if (kind == "link") != (url is not None):
            raise Invalid("a link has an address, no other asset has", code="url_unfit", field="url")
        return cls._create(
            cls.Created,
            id=id,
            process=process,
            node=node,
            kind=kind,
            title=text.title(title),
            document=document,
            url=None if url is None else text.url(url),
        )

    def rename(self, title: str) -> None:
        """Give the asset another title."""
        title = text.title(title)
        if title != self.title:
            self.trigger_event(self.Renamed, title=title)

    def disable(self) -> None:
        """Take the asset out of use."""
        if self.enabled:
            self.trigger_event(self.Disabled)

    def restore(self) -> None:
        """Put the asset back into use."""
        if not self.enabled:
            self.trigger_event(self.Restored)
