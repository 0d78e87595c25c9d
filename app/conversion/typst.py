"""PDF by typst, compiled in this process (the child) from source that pandoc wrote.

The PDF is tagged: headings, lists, tables with their header rows, links, alternative texts,
language and title; it says PDF/UA-1 of itself where the document allows it, with no picture
without a description and no level of headings left out. Fonts come with typst.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import typst

from app.conversion.errors import NotConverted

_PREAMBLE = """#set document(title: {title})
#set text(lang: {language}{region}, size: 11pt)
#set page(paper: "a4", margin: 2.2cm, numbering: "1")
#set par(justify: false, leading: 0.7em, spacing: 1.1em)
#set table(stroke: 0.5pt + luma(120), inset: 6pt)
#set enum(indent: 0.5em)
#set list(indent: 0.5em)
#show link: underline
#show figure.where(kind: table): set block(breakable: true)
#show quote.where(block: true): set block(stroke: (left: 2pt + luma(160)), inset: (left: 1em))
#show raw.where(block: true): block.with(fill: luma(240), inset: 8pt, width: 100%)
#let horizontalrule = line(length: 100%, stroke: 0.5pt + luma(120))
"""
_PICTURE = """#let picture(name, width: auto, alt: none) = box(layout(size => {
  let natural = measure(image(name)).width
  let wanted = if width == auto { natural } else { width }
  image(name, width: calc.min(wanted, size.width), alt: alt)
}))
"""
_DESCRIPTION = "#let picture(name, width: auto, alt: none) = [#alt]\n"
# PDF/UA asks for more than each document has; and a picture may be broken.
_ATTEMPTS: tuple[tuple[Literal["ua-1"] | None, str], ...] = (
    ("ua-1", _PICTURE),
    (None, _PICTURE),
    (None, _DESCRIPTION),
)


def compile(source: str, files: Mapping[str, bytes], title: str, language: str) -> bytes:
    """Source and the pictures that it names → a PDF; raises NotConverted."""
    primary, _, rest = language.partition("-")
    region = f', region: "{rest.upper()}"' if len(rest) == 2 and rest.isalpha() else ""
    preamble = _PREAMBLE.format(
        title=json.dumps(title, ensure_ascii=False), language=json.dumps(primary.lower()), region=region
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, data in files.items():
            (root / name).write_bytes(data)
        for standard, pictures in _ATTEMPTS:
            (root / "main.typ").write_text(preamble + pictures + "#title()\n" + source)
            compiler = typst.Compiler(root / "main.typ", root=root, ignore_system_fonts=True)
            try:
                made = compiler.compile(format="pdf", pdf_standards=standard)
            except (typst.TypstError, RuntimeError):
                continue
            if isinstance(made, bytes):
                return made
    raise NotConverted("failed", "the document could not be set as pages")
