"""The frontier gives the same tree hash as RFC 6962's own recursive definition."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eventlog.merkle import Frontier, leaf_hash


def tree_hash(data: list[bytes]) -> bytes:
    """MTH(D[n]) as RFC 6962 section 2.1 writes it."""
    return subtree_hash([sha256(b"\x00" + entry).digest() for entry in data])


def subtree_hash(leaves: list[bytes]) -> bytes:
    """The same, from the hashes of the leaves."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + subtree_hash(leaves[:split]) + subtree_hash(leaves[split:])).digest()


def grown(data: list[bytes]) -> Frontier:
    frontier = Frontier()
    for entry in data:
        frontier.append(leaf_hash(entry))
    return frontier


def test_every_size_gives_the_definitions_root() -> None:
    data = [str(n).encode() * (n % 5) for n in range(300)]
    frontier = Frontier()
    assert frontier.root() == tree_hash([])
    for size, entry in enumerate(data, 1):
        frontier.append(leaf_hash(entry))
        assert frontier.size == size
        assert frontier.root() == tree_hash(data[:size])
        assert len(frontier.hashes) == size.bit_count()


def test_known_roots() -> None:
    """From the test data of Certificate Transparency (merkle_tree_test)."""
    data = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    for size, root in roots.items():
        assert grown([bytes.fromhex(entry) for entry in data[:size]]).root().hex() == root


@given(st.lists(st.binary(max_size=8), max_size=60), st.integers(0, 60))
def test_it_goes_on_from_what_was_kept(data: list[bytes], cut: int) -> None:
    before = grown(data[:cut])
    after = Frontier.from_bytes(before.size, bytes(before))
    for entry in data[cut:]:
        after.append(leaf_hash(entry))
    assert after.root() == tree_hash(data)


@pytest.mark.parametrize(("size", "data"), [(0, b"x" * 32), (1, b""), (3, b"x" * 32), (2, b"x" * 33)])
def test_what_does_not_fit_the_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="frontier hashes"):
        Frontier.from_bytes(size, data)
    with pytest.raises(ValueError, match="frontier hashes"):
        Frontier(3, [b"x" * 32])
