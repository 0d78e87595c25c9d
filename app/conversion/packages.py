"""Office files are zip packages. They are opened within limits and packed anew before pandoc gets them,
so that no lying directory, overlapping part or endless stream reaches it.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib

from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits

MAX_PARTS = 5000
_NEEDED = {"docx": "[Content_Types].xml", "odt": "content.xml"}
_PICTURES = {"docx": "word/", "odt": ""}  # what pandoc leaves out before the names of pictures
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    IndexError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


class Package:
    """The parts of an office file, by name. `kind` is docx or odt."""

    def __init__(self, kind: str, parts: dict[str, bytes]) -> None:
        self.kind = kind
        self.parts = parts

    @classmethod
    def open(cls, data: bytes, kind: str, limits: ConversionLimits) -> Package:
        """Unpack; raises NotConverted (file_broken, too_complex)."""
        try:
            parts = _unpack(data, limits)
        except _BROKEN:
            raise NotConverted("file_broken", "this is no readable office file") from None
        if _NEEDED[kind] not in parts:
            raise NotConverted("file_broken", f"this is no {kind} file")
        return cls(kind, parts)

    def picture(self, name: str) -> bytes | None:
        """A picture by the name that pandoc gives it."""
        return self.parts.get(_PICTURES[self.kind] + name.removeprefix("./"))

    def packed(self) -> bytes:
        """The package anew, uncompressed."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as package:
            for name, content in self.parts.items():
                package.writestr(name, content)
        return made.getvalue()


def _unpack(data: bytes, limits: ConversionLimits) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    left = limits.unpacked
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        found = [info for info in package.infolist() if not info.is_dir()]
        if len(found) > MAX_PARTS or sum(info.file_size for info in found) > left:
            raise NotConverted("too_complex", "the file unpacks to more than is allowed")
        for info in found:
            with package.open(info) as part:
                content = part.read(left + 1)
            left -= len(content)
            if left < 0:
                raise NotConverted("too_complex", "the file unpacks to more than is allowed")
            parts[info.filename] = content
    return parts
