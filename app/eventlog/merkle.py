"""The Merkle tree over the log, after RFC 6962 section 2.1. Pure.

Only the frontier is kept: the hashes of the complete subtrees that cover all leaves so far, one
for each 1-bit of the size, largest (leftmost) first. It is all that appending a leaf and computing
the root need.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree of `size` leaves."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} frontier hashes")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """What `bytes(frontier)` gave; raises ValueError if it does not fit the size."""
        if len(data) != size.bit_count() * HASH_SIZE:
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} frontier hashes")
        return cls(size, (data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)))

    def __bytes__(self) -> bytes:
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash on the right."""
        size, subtree = self.size, leaf
        while size & 1:
            subtree = node_hash(self.hashes.pop(), subtree)
            size >>= 1
        self.hashes.append(subtree)
        self.size += 1

    def root(self) -> bytes:
        """The tree's hash (MTH), 32 bytes."""
        if not self.hashes:
            return EMPTY_ROOT
        *larger, root = self.hashes
        for left in reversed(larger):
            root = node_hash(left, root)
        return root
