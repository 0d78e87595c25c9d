"""Event ids are UUIDs of version 7: unique, and those of later milliseconds are greater."""

from __future__ import annotations

import os
import time
from uuid import RFC_4122, UUID

from app.eventlog.identifiers import NOISE, uuid7


def some(count: int) -> list[UUID]:
    return [uuid7(os.urandom(NOISE)) for _ in range(count)]


def test_an_id_has_its_version_variant_and_time() -> None:
    before = time.time_ns() // 1_000_000
    found = some(1_000)
    after = time.time_ns() // 1_000_000
    for identifier in found:
        assert isinstance(identifier, UUID)
        assert (identifier.version, identifier.variant) == (7, RFC_4122)
        assert before <= identifier.int >> 80 <= after


def test_all_other_bits_are_random() -> None:
    found = [identifier.int for identifier in some(2_000)]
    assert len(set(found)) == 2_000
    varying = 0
    for identifier in found:
        varying |= identifier ^ found[0]
    assert (varying & (1 << 80) - 1).bit_count() == 74
