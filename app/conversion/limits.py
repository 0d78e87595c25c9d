"""How much one conversion may use. Files come from anyone; the server must not notice a bad one."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """Sizes in bytes, times in seconds."""

    upload: int = 10 * MIB
    unpacked: int = 64 * MIB  # of all files in an office package
    output: int = 32 * MIB  # of a made file, and of what pandoc says about a read one
    image: int = 512 * KIB  # one picture, as it is kept in the document
    images: int = 2 * MIB  # all pictures of one file
    nodes: int = 100_000  # of the editor's document
    depth: int = 100
    columns: int = 100  # of a table
    memory: int = 512 * MIB  # of pandoc's heap
    seconds: float = 30.0
    at_once: int = 2
    waiting: int = 20  # conversions in line; who comes later is told to try again
