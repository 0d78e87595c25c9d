"""The built browser files, by the names that the pages use for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DIST = Path(__file__).with_name("dist")
URL = "/static/"


class BundleMissing(RuntimeError):
    """The bundle was never built: `make install` builds it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a page loads for one entry point: one script and its style sheets, as addresses."""

    script: str
    styles: tuple[str, ...]


@cache
def entry(name: str) -> Entry:
    """The entry point of this source, such as `src/page.ts`; raises BundleMissing, KeyError."""
    try:
        manifest = json.loads((DIST / "manifest.json").read_text())
    except FileNotFoundError:
        raise BundleMissing("the browser bundle is not built; run `make install`") from None
    found = manifest[name]
    return Entry(URL + found["file"], tuple(URL + style for style in found.get("css", ())))
