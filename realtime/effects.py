"""What a room wants done, for the shell to carry out in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from realtime.member import Member
from realtime.nodes.relay import Message
from realtime.ports import Entry
from realtime.protocol import Close


@dataclass(slots=True)
class Send:
    """Deliver one frame."""

    to: Sequence[Member]
    frame: bytes


@dataclass(slots=True)
class Answer:
    """Tell a member that its edit is durable, or was not taken: one for each edit received."""

    member: Member
    taken: bool


@dataclass(slots=True)
class Rights:
    """Tell a member that it may edit from now on, or may not any more."""

    member: Member
    may_edit: bool


@dataclass(slots=True)
class Journal:
    """Commit an entry, then call `committed`."""

    entry: Entry


@dataclass(slots=True)
class Publish:
    """Tell the other nodes."""

    message: Message


@dataclass(slots=True)
class Disconnect:
    """End a connection."""

    member: Member
    code: Close
    reason: str


@dataclass(slots=True)
class CatchUp:
    """Something that another node committed is not here: feed what is stored to `foreign`."""


@dataclass(slots=True)
class Rebuild:
    """The replica can't be trusted any more: end all connections, drop the room, load it again."""

    reason: str


Effect = Send | Answer | Rights | Journal | Publish | Disconnect | CatchUp | Rebuild
