"""What tells whether a page of the log is still what it was, without reading it again.

Events stay as they are, so what a page holds follows from what was asked for, from who asks, from where
it ends, and from the newest event after which a page that was may look different: rights have changed, or
payloads were replaced (somebody was erased). An ETag is made of these. It also says where the page ends,
and, where a longer log would give another page, how long the log was; so a tag that comes back can be
checked by what it says and one look into an index. Why pages are checked at all: docs/decisions/0012.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID

from app.authorization import CHANGES
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog.reading import NEWEST
from domain.catalogue import EVENTS, REWRITING

_TAG = re.compile(r'"([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{32})"')
_TYPES = sorted(CHANGES | REWRITING)
# Another version of the program may write the same events differently.
_WRITTEN = [version("interlink"), *sorted(f"{entry.name}/{entry.schema_version}" for entry in EVENTS)]


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a page ends, and how long the log was if a longer one would give another page (else 0)."""

    end: int
    head: int


class Validator:
    """Makes and knows the ETags of one request: what was asked for, by whom, as of now."""

    def __init__(self, asked: Mapping[str, object], person: UUID, newest: int) -> None:
        self._about = json.dumps([dict(asked), str(person), newest, _WRITTEN], default=str, sort_keys=True)

    def tag(self, page: Tag) -> str:
        """The strong ETag of a page."""
        digest = hashlib.sha256(f"{page.end}-{page.head}-{self._about}".encode()).hexdigest()[:32]
        return f'"{page.end:x}-{page.head:x}-{digest}"'

    def known(self, if_none_match: str, head: int) -> Tag | None:
        """What a tag that came back says, if the page is still what it was; the log reaches to `head`."""
        for end, length, _ in _TAG.findall(if_none_match[:1_000]):
            found = Tag(int(end, 16), int(length, 16))
            if found.head in (0, head) and self.tag(found) in if_none_match:
                return found
        return None


async def newest_change(pool: Pool) -> int:
    """The position of the newest event after which a page may look different; raises Unavailable.

    To be asked before the page is read: what changes meanwhile makes the page's tag old.
    """
    with unavailable_when_away():
        found: int = await pool.fetchval(NEWEST, _TYPES)
    return found
