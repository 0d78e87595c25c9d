"""Merkle proofs: that an entry is in the log, and that the log was only ever appended to. Pure.

Built after RFC 6962 sections 2.1.1 and 2.1.2, verified after RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.eventlog.merkle import EMPTY_ROOT, HASH_SIZE, node_hash

HashOf = Callable[[int, int], bytes]
"""`hash_of(level, index)`: the hash of the complete subtree over the leaves from index·2^level up to,
not including, (index + 1)·2^level; 32 bytes. Level 0 are the leaf hashes."""

MAX_HASHES = 64


def tree_root(size: int, hash_of: HashOf) -> bytes:
    """The hash of the tree over the first `size` leaves, 32 bytes."""
    return _range_hash(0, size, hash_of) if size else EMPTY_ROOT


def inclusion(index: int, size: int, hash_of: HashOf) -> list[bytes]:
    """The audit path of the leaf at `index` in the tree of `size` leaves, lowest hash first.

    Raises ValueError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            path.append(_range_hash(middle, end, hash_of))
            end = middle
        else:
            path.append(_range_hash(start, middle, hash_of))
            start = middle
    return path[::-1]


def consistency(first: int, second: int, hash_of: HashOf) -> list[bytes]:
    """The proof that the tree of `first` leaves is the beginning of the tree of `second`.

    It is empty if `first` is 0 or equals `second`. Raises ValueError unless 0 ≤ first ≤ second.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} leaves is no beginning of one of {second}")
    if first == 0:
        return []
    path: list[bytes] = []
    start, end = 0, second
    while end != first:
        middle = _split(start, end)
        if first <= middle:
            path.append(_range_hash(middle, end, hash_of))
            end = middle
        else:
            path.append(_range_hash(start, middle, hash_of))
            start = middle
    if start:  # otherwise the verifier knows this hash: it is the first root
        path.append(_range_hash(start, end, hash_of))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` (a leaf hash) is at `index` in the tree of `size` and `root`."""
    if not 0 <= index < size or not _well_formed(proof):
        return False
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            position, last = _up_to_right_child(position, last)
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the tree of `first` and its root is the beginning of that of `second`."""
    if not 0 <= first <= second or not _well_formed(proof):
        return False
    if first == second:
        return not proof and first_root == second_root and (first > 0 or first_root == EMPTY_ROOT)
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    hashes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not hashes:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            position, last = _up_to_right_child(position, last)
        else:
            newer = node_hash(newer, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and older == first_root and newer == second_root


def _up_to_right_child(position: int, last: int) -> tuple[int, int]:
    """Skip the levels at which the node is a left child without a sibling: it goes up as it is."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _well_formed(proof: Sequence[bytes]) -> bool:
    return len(proof) <= MAX_HASHES and all(len(found) == HASH_SIZE for found in proof)


def _split(start: int, end: int) -> int:
    """Where the left subtree ends: the largest power of two smaller than the number of leaves."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


def _range_hash(start: int, end: int, hash_of: HashOf) -> bytes:
    """The hash over leaves from `start` to before `end`; `start` is where a subtree of that size begins."""
    parts: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(hash_of(level, start >> level))
        start += 1 << level
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found
