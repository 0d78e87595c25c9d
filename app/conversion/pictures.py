"""Pictures inside documents: data: addresses of the common raster kinds, within limits.

What a picture is, its bytes tell, not its name. SVG is left out: it is a program as much as a picture.
"""

from __future__ import annotations

import base64
import binascii
import re

_DATA = re.compile(r"data:image/(png|jpeg|gif|webp);base64,([A-Za-z0-9+/]+={0,2})")
_REMOTE = re.compile(r"https://[^\s\x00-\x1f\x7f\"'<>\\]{1,2000}", re.IGNORECASE)
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def kind_of(data: bytes) -> str | None:
    """png, jpeg, gif or webp; None if it is none of these."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)


def as_address(data: bytes) -> str | None:
    """A picture as a data: address; None if it is of no kind that is kept."""
    kind = kind_of(data)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if kind else None


def embedded(address: object) -> tuple[str, bytes] | None:
    """Kind and bytes of a picture in a data: address; None if it isn't one that is kept."""
    found = _DATA.fullmatch(address) if isinstance(address, str) else None
    if found is None:
        return None
    try:
        data = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return None
    kind = kind_of(data)
    return (kind, data) if kind else None


def remote(address: object) -> str | None:
    """An https address of a picture elsewhere; None for anything else."""
    return address if isinstance(address, str) and _REMOTE.fullmatch(address) else None
