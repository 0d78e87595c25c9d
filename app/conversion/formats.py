"""The kinds of files that can be read and made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileFormat:
    """`extensions`: the first one is given to made files. `reader`, `writer`: pandoc's names for it."""

    name: str
    extensions: tuple[str, ...]
    media_types: tuple[str, ...]
    reader: str | None = None
    writer: str | None = None

    @property
    def media_type(self) -> str:
        """The Content-Type of a made file."""
        text = self.media_types[0].startswith("text/")
        return f"{self.media_types[0]}; charset=utf-8" if text else self.media_types[0]


# What looks like a formula in dollars is mostly a price, and quotation marks stay as they were typed.
_MARKDOWN = "gfm-tex_math_dollars-tex_math_gfm-alerts-emoji"
FORMATS = {
    each.name: each
    for each in (
        FileFormat("md", (".md", ".markdown"), ("text/markdown", "text/x-markdown"), _MARKDOWN, _MARKDOWN),
        FileFormat("html", (".html", ".htm"), ("text/html", "application/xhtml+xml"), "html", "html5"),
        FileFormat(
            "docx",
            (".docx",),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
            "docx+styles",
            "docx",
        ),
        FileFormat("odt", (".odt",), ("application/vnd.oasis.opendocument.text",), "odt", "odt"),
        FileFormat("pdf", (".pdf",), ("application/pdf",), None, "typst"),
        FileFormat("txt", (".txt",), ("text/plain",)),
    )
}
READABLE = ("md", "html", "docx", "odt", "txt")
MADE = ("md", "html", "docx", "odt", "pdf")


def of_file(name: str, media_type: str) -> FileFormat | None:
    """The kind of a file to read, by its name if that tells, else by its media type; None: no known kind."""
    lowered = name.lower()
    kind = media_type.partition(";")[0].strip().lower()
    readable = [FORMATS[each] for each in READABLE]
    for found in readable:
        if lowered.endswith(found.extensions):
            return found
    if "." in lowered.rpartition("/")[2]:
        return None
    return next((found for found in readable if kind in found.media_types), None)
