"""A log of nothing but leaf hashes, its signed heads, and what it sends to witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from app.audit import note
from app.audit.note import Checkpoint
from app.audit.proof import HashOf, consistency, tree_root
from app.audit.tree import complete_root
from app.audit.witness import Submission
from tests.app.audit.signing import LogKey


def leaves(count: int, kind: str = "") -> list[bytes]:
    """Leaf hashes; another kind is another history."""
    return [sha256(f"{kind}{number}".encode()).digest() for number in range(count)]


def hash_of(tree: Sequence[bytes]) -> HashOf:
    """The hashes of the subtrees over these leaves."""
    return lambda level, index: complete_root(tree[index << level : (index + 1) << level])


def submission(key: LogKey, tree: Sequence[bytes], old: int, size: int) -> Submission:
    """The head of the first `size` leaves, with the proof that it continues that of `old`."""
    of = hash_of(tree)
    text = key.checkpoint(size, tree_root(size, of))
    checkpoint = Checkpoint(key.name, size, tree_root(size, of))
    return Submission(old, tuple(consistency(old, size, of)), note.parse(text.encode()), checkpoint)
