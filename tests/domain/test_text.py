"""What people type: cleaned, bounded, and nothing that no text has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import text
from domain.errors import Invalid

RULES = (text.title, text.name, text.text, text.language, text.url, text.email)


@pytest.mark.parametrize("rule", RULES)
@given(value=st.text(max_size=60) | st.text(st.characters(categories=["Cc", "Cs", "Cf", "Zs"]), max_size=20))
def test_a_rule_accepts_or_refuses_and_what_it_accepts_stays(rule: Callable[[str], str], value: str) -> None:
    try:
        cleaned = rule(value)
    except Invalid:
        return
    assert rule(cleaned) == cleaned
    cleaned.encode()
    assert "\x00" not in cleaned


def test_titles_are_one_line_and_lines_of_a_text_are_kept() -> None:
    assert text.title("  Kā \n mēs\tstrādājam ") == "Kā mēs strādājam"
    assert text.text(" one\r\ntwo\rthree\n") == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("rule", "limit"),
    [(text.title, text.TITLE_LIMIT), (text.name, text.NAME_LIMIT), (text.text, text.TEXT_LIMIT)],
)
def test_nothing_is_endless(rule: Callable[[str], str], limit: int) -> None:
    assert len(rule("ā" * limit)) == limit
    with pytest.raises(Invalid) as refusal:
        rule("ā" * (limit + 1))
    assert refusal.value.code == "too_long"


@pytest.mark.parametrize("value", ["", " \n ", "\u200b", "\u00ad \u2060"])
def test_what_cannot_be_seen_is_no_title(value: str) -> None:
    with pytest.raises(Invalid) as refusal:
        text.title(value)
    assert refusal.value.code == "title_missing"


@pytest.mark.parametrize("value", ["a\x00b", "a\x9bb", "a\ud800", "\u202eevil", "a\u2066b"])
def test_characters_that_deceive_or_break_are_refused(value: str) -> None:
    with pytest.raises(Invalid) as refusal:
        text.title(value)
    assert refusal.value.code == "bad_characters"


@pytest.mark.parametrize("value", ["lv", "it", "pt-BR", "zh-Hant-TW", "en-GB"])
def test_language_tags(value: str) -> None:
    assert text.language(value) == value


@pytest.mark.parametrize("value", ["", "l", "LV", "lv_LV", "english", "lv-", "lv\n", "lv-" + "a" * 40])
def test_no_language_tags(value: str) -> None:
    with pytest.raises(Invalid):
        text.language(value)


@pytest.mark.parametrize(
    "value", ["https://example.org", " http://example.org/ā?b=c#d ", "http://[::1]:8000/x"]
)
def test_addresses(value: str) -> None:
    assert text.url(value) == value.strip()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.org",
        "ftp://example.org",
        "javascript:alert(1)",
        "https://",
        "http://[::1",
        "https://exam ple.org",
        "https://example.org/\x07",
        "https://ilze:secret@example.org",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_no_addresses(value: str) -> None:
    with pytest.raises(Invalid):
        text.url(value)


def test_emails_are_compared_without_case_and_composition() -> None:
    assert text.email(" Ilze.Ozola@Example.ORG ") == "ilze.ozola@example.org"
    assert text.email("ZE\u0304@example.org") == "z\u0113@example.org"
