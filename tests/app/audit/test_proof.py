"""Proofs hold for what is in the log, for nothing else, and are those that pymerkle makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]
from pymerkle import verify_consistency as verify_consistent

from app.audit.proof import HashOf, consistency, inclusion, tree_root, verify_consistency, verify_inclusion
from app.eventlog.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash

SIZES = st.integers(1, 130)


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(size)]


def subtrees(size: int) -> HashOf:
    """Complete subtrees, computed anew each time, from the leaves alone."""
    leaves = [leaf_hash(entry) for entry in entries(size)]

    def hash_of(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(hash_of(level - 1, 2 * index), hash_of(level - 1, 2 * index + 1))

    return hash_of


def root(size: int) -> bytes:
    frontier = Frontier()
    for entry in entries(size):
        frontier.append(leaf_hash(entry))
    return frontier.root()


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


def test_roots_are_the_frontiers() -> None:
    hash_of = subtrees(70)
    assert all(tree_root(size, hash_of) == root(size) for size in range(71))


def test_every_leaf_of_every_small_tree_is_proven() -> None:
    for size in range(1, 34):
        hash_of, top = subtrees(size), root(size)
        for index in range(size):
            path = inclusion(index, size, hash_of)
            assert verify_inclusion(hash_of(0, index), index, size, path, top)
            assert not any(
                verify_inclusion(hash_of(0, index), other, size, path, top)
                for other in range(size)
                if other != index
            )


def test_every_small_tree_begins_every_larger_one() -> None:
    roots = [root(size) for size in range(34)]
    for second in range(34):
        hash_of = subtrees(second)
        for first in range(second + 1):
            path = consistency(first, second, hash_of)
            assert verify_consistency(first, second, roots[first], roots[second], path)
            for other in range(1, second + 1):
                if other != first:
                    assert not verify_consistency(other, second, roots[first], roots[second], path)


@given(st.data(), SIZES)
def test_a_changed_inclusion_proof_fails(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    hash_of, top = subtrees(size), root(size)
    leaf, path = hash_of(0, index), inclusion(index, size, hash_of)
    bit = data.draw(st.integers(0, 255))
    assert verify_inclusion(leaf, index, size, path, top)
    assert not verify_inclusion(flipped(leaf, bit), index, size, path, top)
    assert not verify_inclusion(leaf, index, size, path, flipped(top, bit))
    assert not verify_inclusion(leaf, index, size, [*path, top], top)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not verify_inclusion(leaf, index, size, path[:at] + path[at + 1 :], top)
        path[at] = flipped(path[at], bit)
        assert not verify_inclusion(leaf, index, size, path, top)


@given(st.data(), SIZES)
def test_a_changed_consistency_proof_fails(data: st.DataObject, second: int) -> None:
    first = data.draw(st.integers(1, second))
    older, newer = root(first), root(second)
    path = consistency(first, second, subtrees(second))
    bit = data.draw(st.integers(0, 255))
    assert verify_consistency(first, second, older, newer, path)
    assert not verify_consistency(first, second, flipped(older, bit), newer, path)
    assert not verify_consistency(first, second, older, flipped(newer, bit), path)
    assert not verify_consistency(first, second, older, newer, [*path, newer])
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not verify_consistency(first, second, older, newer, path[:at] + path[at + 1 :])
        path[at] = flipped(path[at], bit)
        assert not verify_consistency(first, second, older, newer, path)


@given(
    st.integers(-2, 2**70),
    st.integers(-2, 2**70),
    st.lists(st.binary(min_size=31, max_size=33), max_size=70),
)
def test_nonsense_is_refused(first: int, second: int, proof: list[bytes]) -> None:
    assert not verify_inclusion(leaf_hash(b""), first, second, proof, EMPTY_ROOT)
    assert not verify_consistency(first, second, leaf_hash(b""), EMPTY_ROOT, proof)


@pytest.mark.parametrize(
    ("index", "size"), [(0, 0), (5, 5), (-1, 5)], ids=["empty tree", "behind the end", "negative"]
)
def test_no_path_to_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion(index, size, subtrees(5))


def test_no_tree_begins_a_smaller_one() -> None:
    with pytest.raises(ValueError, match="no beginning"):
        consistency(4, 3, subtrees(4))


def test_an_empty_tree_begins_all_but_only_with_its_own_root() -> None:
    assert verify_consistency(0, 3, EMPTY_ROOT, root(3), [])
    assert not verify_consistency(0, 3, root(1), root(3), [])
    assert not verify_consistency(0, 0, root(1), root(1), [])


def test_pymerkle_makes_the_same_roots_and_proofs() -> None:
    tree = InmemoryTree.init_from_entries(entries(40))
    hash_of = subtrees(40)
    for size in (1, 2, 3, 7, 8, 31, 33, 40):
        assert tree.get_root(size) == root(size)
        for index in range(0, size, 3):
            theirs = tree.prove_inclusion(index + 1, size).serialize()["path"][1:]
            assert inclusion(index, size, hash_of) == [bytes.fromhex(found) for found in theirs]
        for first in range(1, size, 5):
            proof = tree.prove_consistency(first, size)
            verify_consistent(root(first), root(size), proof, first, size)
            ours = consistency(first, size, hash_of)
            assert verify_consistency(first, size, tree.get_root(first), tree.get_root(size), ours)
