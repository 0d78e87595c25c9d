"""A file into a live document: an edit of the person who brings it, by the same way as any other.

It is checked, journaled and committed before anyone sees it, and everybody who has the document
open sees it then. Nothing is ever overwritten: `replace` deletes what stands there as an edit does,
so history keeps it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid5

from app.conversion import formats
from app.conversion.converter import Insertion
from app.conversion.errors import NotConverted
from app.conversion.reading import File, Into
from app.door import TurnedAway, Visitor, admission
from app.system import System
from domain.errors import Conflict, Forbidden, Unavailable
from realtime import protocol
from realtime.exchange import Incomplete, Question
from realtime.hub import Refused
from realtime.protocol import Close
from realtime.update import EMPTY


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sent it. `command` names the request: sent twice, it is carried out once."""

    name: str
    media_type: str
    data: bytes
    replace: bool
    command: UUID


async def bring_in(system: System, visitor: Visitor, document: UUID, upload: Upload) -> dict[str, int]:
    """Write a file's content into a document; returns once it is committed.

    The answer counts what could not be kept, by code. Raises NotConverted, NotFound, Forbidden,
    Conflict, Unavailable.
    """
    access = await system.authorization.document(visitor.person, document)
    if not visitor.may_write or "edit" not in access.rights:
        raise Forbidden("this needs the right to edit")
    if not access.enabled:
        raise Conflict("this document is out of use", code="document_disabled")
    kind = formats.of_file(upload.name, upload.media_type)
    if kind is None:
        raise NotConverted("file_type_unknown", "send a .md, .html, .docx, .odt or .txt file")
    file = File(kind.name, upload.data, _charset(upload.media_type))
    how = Insertion(await system.hub.read(document), access.format, _client(upload), upload.replace)
    converted = await system.converter.read(file, Into(access.title, access.language), how)
    if converted.update != EMPTY:
        await _edit(system, visitor, document, converted.update)
    return converted.left_out


async def _edit(system: System, visitor: Visitor, document: UUID, update: bytes) -> None:
    limit = system.settings.live.frame
    frame = protocol.update(update)
    if len(frame) > limit:
        raise NotConverted("too_complex", f"the content takes more than {limit} bytes")
    try:
        admitted = await admission(system, visitor, document)
        await system.exchanges.run(admitted, Question([frame]))
    except (Refused, TurnedAway) as refusal:
        raise _refusal(refusal) from None
    except Incomplete:
        raise Unavailable("the document is being loaded anew, try again") from None


def _refusal(refusal: Refused | TurnedAway) -> Exception:
    match refusal.code:
        case Close.FORBIDDEN | Close.SIGN_IN | Close.NOT_FOUND:
            return Forbidden("this needs the right to edit")
        case Close.TOO_LARGE:
            return NotConverted("document_full", "the document would become too large")
    return Unavailable("this can't be saved now, try again")


def _charset(media_type: str) -> str:
    for parameter in media_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')[:40]
    return ""


def _client(upload: Upload) -> int:
    """The Yjs client id of this import, the same for the same request and file: no file comes in twice."""
    digest = hashlib.sha256(upload.data).hexdigest()
    return uuid5(upload.command, f"{digest} {upload.replace}").int >> 96
