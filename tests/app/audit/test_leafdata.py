"""The bytes under the leaves: what was packed is read again, and the tree over it is the log's."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit import leafdata
from app.audit.archive import NotAnArchive
from app.audit.leafdata import LARGEST, Levels, leaves, packed
from app.audit.proof import tree_root
from app.eventlog.merkle import leaf_hash
from tests.app.audit.heads import hash_of


def file(found: list[bytes]) -> io.BytesIO:
    return io.BytesIO(b"".join(map(packed, found)))


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, as what unpacks may."""

    def read(self, size: Any = -1, /) -> bytes:
        return super().read(min(size, 7))


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x00\x00\x05abcd", b"\xff\xff\xff\xff"])
def test_leaf_data_that_ends_too_soon_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnArchive):
        list(leaves(io.BytesIO(data)))


def test_leaves_are_read_across_chunks() -> None:
    found = [bytes([n % 256]) * 700 for n in range(5000)]
    assert list(leaves(file(found))) == found


@given(st.lists(st.binary(max_size=40)))
def test_what_was_packed_is_read_again_however_it_comes(found: list[bytes]) -> None:
    assert list(leaves(file(found))) == found
    assert list(leaves(Trickle(file(found).getvalue()))) == found


def test_a_leaf_has_a_largest_size() -> None:
    largest = bytes(LARGEST)
    assert list(leaves(file([b"a", largest, b"b"]))) == [b"a", largest, b"b"]
    read = leaves(file([b"a", largest + b"x"]))
    assert next(read) == b"a"
    with pytest.raises(NotAnArchive, match="too large"):
        next(read)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 13])
def test_the_tree_over_the_leaves_and_its_roots_on_the_way(count: int) -> None:
    found = [bytes([n]) * n for n in range(count)]
    expected = hash_of([leaf_hash(leaf) for leaf in found])
    tree, roots = leafdata.roots(file(found), {0, 1, 5, count, count + 1})
    assert (tree.size, tree.root()) == (count, tree_root(count, expected))
    assert roots == {size: tree_root(size, expected) for size in (1, 5, count) if 0 < size <= count}


@given(st.integers(0, 40))
def test_levels_hold_every_complete_subtree(count: int) -> None:
    hashes = [sha256(bytes([n])).digest() for n in range(count)]
    told, expected = Levels(b"".join(hashes)).hash_of, hash_of(hashes)
    for level in range(count.bit_length()):
        for index in range(count >> level):
            assert told(level, index) == expected(level, index)
    assert tree_root(count, told) == tree_root(count, expected)
