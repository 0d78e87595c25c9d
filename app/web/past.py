"""A document's past as HTML: what somebody inserted, deleted or wrote, each part with its author's name.

Colour never tells anything alone: changes are `ins` and `del` elements, and every part begins with
the name of who made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal
from uuid import UUID

from markupsafe import Markup

from app.people import Profile
from app.web import prose
from app.web.locale import N_, Locale
from realtime import crdt
from realtime.history.attribution import Node, Piece, Run

Show = Literal["changes", "authors"]

_NOBODY = "#55606a"
_TELLING = {  # a sign, and what it means
    "inserted": ("+", N_("inserted by %(name)s")),
    "deleted": ("−", N_("deleted by %(name)s")),
    "formatted": ("≈", N_("formatted by %(name)s")),
    "changed": ("≈", N_("formatted by %(name)s")),
    "written": ("", N_("written by %(name)s")),
}
_SOMEBODY = N_("Somebody")
_FORMER = N_("A former participant")
_TAGS = {"inserted": "ins", "deleted": "del"}


@dataclass(slots=True)
class Share:
    """How many characters of what is shown somebody inserted, deleted and wrote."""

    who: UUID | None
    inserted: int = 0
    deleted: int = 0
    written: int = 0


class Past:
    """Some content of a document, to be shown. `person_of` tells who stands behind a moment."""

    def __init__(
        self,
        content: Sequence[Piece],
        person_of: Callable[[int], UUID | None],
        names: Callable[[UUID], Profile | None],
        spoken: Locale,
        show: Show,
    ) -> None:
        self._content = content
        self._person_of = person_of
        self._names = names
        self._spoken = spoken
        self._show = show

    def html(self, format: str) -> Markup:
        """All of it; empty for an empty document."""
        inside = self._inside(self._content, 0)
        return Markup("<pre>{}</pre>").format(inside) if format == "text" and inside else inside

    def shares(self) -> list[Share]:
        """Who has a share in it, the largest first."""
        shares: dict[UUID | None, Share] = {}
        for run in _runs(self._content):
            kind, who = self._told(run) or ("", None)
            if kind:
                share = shares.setdefault(who, Share(who))
                share.inserted += len(run.text) * (kind == "inserted")
                share.deleted += len(run.text) * (kind == "deleted")
                share.written += len(run.text) * (kind == "written")
        return sorted(shares.values(), key=lambda share: -(share.inserted + share.deleted + share.written))

    def _told(self, piece: Piece) -> tuple[str, UUID | None] | None:
        """What is to be told of a part, and of whom."""
        if self._show == "authors":
            return ("written", self._person_of(piece.written)) if isinstance(piece, Run) else None
        if piece.change is None:
            return None
        return piece.change, None if piece.changed is None else self._person_of(piece.changed)

    def _inside(self, content: Sequence[Piece], depth: int) -> Markup:
        if depth > prose.DEPTH:
            return Markup()
        parts: list[Markup] = []
        for is_text, pieces in groupby(content, key=lambda piece: isinstance(piece, Run)):
            if not is_text:
                parts += (self._block(node, depth) for node in pieces if isinstance(node, Node))
                continue
            for told, runs in groupby(pieces, key=self._told):
                text = Markup().join(_text(run) for run in runs if isinstance(run, Run))
                parts.append(self._around(told, text) if told else text)
        return Markup().join(parts)

    def _block(self, node: Node, depth: int) -> Markup:
        inside = self._inside(node.content, depth + 1)
        told = self._told(node)
        if told and told[0] == "changed":
            inside = self._around(told, Markup("¶")) + inside
        elif told and not node.content and node.type != "hardBreak":
            pilcrow = self._around(told, Markup("¶"))
            if node.type in ("horizontalRule", "image"):
                return pilcrow + prose.block(node.type, node.attrs, inside)
            inside = pilcrow
        return prose.block(node.type, node.attrs, inside)

    def _around(self, told: tuple[str, UUID | None], inside: Markup) -> Markup:
        kind, person = told
        who = self._names(person) if person is not None else None
        name = who.name if who else self._spoken.gettext(_FORMER if person else _SOMEBODY)
        sign, words = _TELLING[kind]
        return Markup(
            '<{tag} class="told {kind}" style="--by: {colour}"><span class="who" lang="{lang}">'
            '<span class="visually-hidden">{words}: </span>'
            '<span aria-hidden="true">{sign}{name}</span></span>{inside}</{tag}>'
        ).format(
            tag=_TAGS.get(kind, "span"),
            kind=kind,
            colour=who.colour if who else _NOBODY,
            lang=self._spoken.code,
            words=self._spoken.gettext(words, name=name),
            sign=sign,
            name=name,
            inside=inside,
        )


def _text(run: Run) -> Markup:
    marks = (crdt.mark(name, value) for name, value in sorted(run.marks.items()))
    return prose.marked(Markup.escape(run.text), marks)


def _runs(content: Iterable[Piece]) -> Iterator[Run]:
    for piece in content:
        if isinstance(piece, Run):
            yield piece
        else:
            yield from _runs(piece.content)
