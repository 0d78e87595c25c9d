"""Addresses, languages, numbers: what may stand in a document."""

from __future__ import annotations

import pytest

from app.conversion import schema


@pytest.mark.parametrize(
    "address",
    [
        "javascript:x",
        " JavaScript:x",
        "java\nscript:x",
        "data:text/html,x",
        "//x.org",
        "/x",
        "#x",
        "vbscript:x",
        "",
        5,
    ],
)
def test_unsafe_links(address: object) -> None:
    assert schema.safe_link(address) is None


def test_safe_links() -> None:
    assert schema.safe_link(" https://x.org/a b ") == "https://x.org/a%20b"
    assert schema.safe_link("MAILTO:a@x.org") == "MAILTO:a@x.org"
    assert schema.safe_link("tel:+371") == "tel:+371"


def test_whole_numbers() -> None:
    assert [schema.whole(v, 7) for v in (3, 3.0, "3", True, None, 0, 10**9, float("nan"), float("inf"))] == [
        3, 3, 7, 7, 7, 7, 7, 7, 7,
    ]  # fmt: skip


def test_languages() -> None:
    assert schema.language("sr-Latn-RS") == "sr-Latn-RS"
    assert [schema.language(v) for v in ("", "e", 'en"', "en onclick", 3)] == [None] * 5
    assert schema.same_language("lv", "LV-lv")
    assert not schema.same_language("lv", None)
