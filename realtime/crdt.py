"""The CRDT engine, pycrdt, behind the few functions that the rest needs. The only file that imports it."""

from __future__ import annotations

import pycrdt

__all__ = ["Doc"]

Doc = pycrdt.Doc
