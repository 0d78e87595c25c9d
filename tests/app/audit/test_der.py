"""Certificates are put in order; nothing else of an answer changes, and what is no answer stays as it is."""

from __future__ import annotations

import random

import pytest

from app.audit.der import certificates_in_order


def element(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    head = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return bytes([tag]) + head + content


def answer(*certificates: bytes) -> bytes:
    """As RFC 3161 and RFC 5652 lay one out, with numbers for what does not matter here."""
    kind, number = element(0x06, b"\x2a"), element(0x02, b"\x01")
    signed = element(
        0x30, number, element(0x31), element(0x30, kind), element(0xA0, *certificates), element(0x31)
    )
    return element(0x30, element(0x30, number), element(0x30, kind, element(0xA0, signed)))


SMALL, LARGE, LARGER = (element(0x30, bytes([1]) * size) for size in (5, 200, 300))


def test_certificates_are_put_in_order() -> None:
    right = answer(SMALL, LARGE, LARGER)
    for given in ([LARGER, SMALL, LARGE], [SMALL, LARGE, LARGER], [LARGE, LARGER, SMALL]):
        assert certificates_in_order(answer(*given)) == right
    assert certificates_in_order(right) == right
    assert certificates_in_order(answer()) == answer()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x03\x02\x01\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x3f\x00" * 9,
        b"\x30\x80\x00\x00",
    ],
    ids=["nothing", "cut", "refusal", "too long", "long tag", "indefinite"],
)
def test_what_is_no_answer_stays(data: bytes) -> None:
    assert certificates_in_order(data) == data


def test_no_bytes_harm() -> None:
    chance, right = random.Random(2), answer(LARGE, SMALL)
    for _ in range(2_000):
        changed = bytearray(right)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        assert len(certificates_in_order(bytes(changed))) == len(changed)
