"""The exact bytes under the leaves, one after the other, and the tree they make.

Each leaf is its length (4 bytes, big endian), its header and its commitment (32 bytes): everything
that the Merkle tree is made of, so that whoever has it needs nothing else to compute the root.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from typing import Protocol

from app.audit.archive import NotAnArchive
from app.audit.proof import HashOf
from app.eventlog.merkle import HASH_SIZE, Frontier, node_hash

LENGTH = 4
LARGEST = 2**20
"""Bytes that one leaf may have."""

_CHUNK = 2**20


class Readable(Protocol):
    """Something that gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


def packed(leaf: bytes) -> bytes:
    """A leaf as it stands in the file."""
    return len(leaf).to_bytes(LENGTH, "big") + leaf


def leaves(of: Readable) -> Iterator[bytes]:
    """The leaves in the file; raises NotAnArchive where it ends within one or one is too large."""
    rest = b""
    while chunk := of.read(_CHUNK):
        data = rest + chunk if rest else chunk
        at, end = 0, len(data)
        while at + LENGTH <= end:
            start = at + LENGTH
            size = int.from_bytes(data[at:start], "big")
            if size > LARGEST:
                raise NotAnArchive("the leaf data has a leaf that is too large")
            if start + size > end:
                break
            yield data[start : start + size]
            at = start + size
        rest = data[at:]
    if rest:
        raise NotAnArchive("the leaf data ends within a leaf")


def roots(of: Readable, at: Collection[int]) -> tuple[Frontier, dict[int, bytes]]:
    """The tree over all leaves in the file, and its roots at the given sizes; raises NotAnArchive."""
    tree, found, wanted = Frontier(), {}, frozenset(at)
    append = tree.append
    for size, leaf in enumerate(leaves(of), 1):
        append(sha256(b"\x00" + leaf).digest())
        if size in wanted:
            found[size] = tree.root()
    return tree, found


class Levels:
    """The hashes of all complete subtrees of a tree, 64 bytes of memory for each leaf."""

    def __init__(self, leaf_hashes: bytes) -> None:
        self._levels = [leaf_hashes]
        while (pairs := len(self._levels[-1]) // (2 * HASH_SIZE)) > 0:
            below = self._levels[-1]
            step = 2 * HASH_SIZE
            self._levels.append(
                b"".join(
                    node_hash(below[at : at + HASH_SIZE], below[at + HASH_SIZE : at + step])
                    for at in range(0, pairs * step, step)
                )
            )

    @property
    def hash_of(self) -> HashOf:
        """What proofs are made from."""

        def found(level: int, index: int) -> bytes:
            return self._levels[level][index * HASH_SIZE : (index + 1) * HASH_SIZE]

        return found
