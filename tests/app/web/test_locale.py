"""Languages: which one a reader gets, and catalogues that lack nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from app.web.locale import CATALOGUES, DEFAULT, LANGUAGES, choose, locale

APP = CATALOGUES.parent.parent
TRANSLATED = [code for code in LANGUAGES if code != DEFAULT]
_METHODS = [("web/templates/**.html", "jinja2"), ("web/*.py", "python"), ("pages/*.py", "python")]
_OPTIONS = {"**.html": {"newstyle_gettext": "true", "silent": "false"}}
Id = str | tuple[str, str]


@cache
def used() -> frozenset[Id]:
    """Every message that templates and code ask for."""
    found = extract_from_dir(str(APP), method_map=_METHODS, options_map=_OPTIONS)
    return frozenset(m if isinstance(m, str) else (m[0], m[1]) for _, _, m, _, _ in found)


@cache
def catalogue(code: str) -> Catalog:
    with (CATALOGUES / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=code)


def test_extraction_finds_templates_and_code() -> None:
    assert {"Your processes", "Enter a title.", "Saving…", ("%(num)s task", "%(num)s tasks")} <= used()


@pytest.mark.parametrize("code", TRANSLATED)
def test_catalogue_holds_every_message_and_no_other(code: str) -> None:
    known = {message.id for message in catalogue(code) if message.id}
    assert used() - known == set()
    assert known - used() == set()


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_message_is_empty_or_fuzzy(code: str) -> None:
    forms = catalogue(code).num_plurals
    for message in catalogue(code):
        if not message.id:
            continue
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert not message.fuzzy, message.id
        assert all(texts), message.id
        assert len(texts) == (forms if message.pluralizable else 1), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_fill_the_same_places(code: str) -> None:
    for message in catalogue(code):
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in texts:
            assert places(text) == places(ids[-1]), message.id
            assert text % dict.fromkeys(places(text), "x") if "%" in text else True


def places(text: str) -> set[str]:
    """The names of what is filled in, by the server (%) or the editor (braces)."""
    return set(re.findall(r"%\((\w+)\)s", text)) | set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 uzdevumu"), (1, "1 uzdevums"), (2, "2 uzdevumi"), (11, "11 uzdevumi"), (21, "21 uzdevums")],
)
def test_latvian_has_three_plurals(number: int, expected: str) -> None:
    assert locale("lv").ngettext("%(num)s task", "%(num)s tasks", number, num=number) == expected


def test_values_are_escaped() -> None:
    shown = locale("it").gettext("%(who)s made a change", who="<b>Ana</b>")
    assert shown == "&lt;b&gt;Ana&lt;/b&gt; ha fatto una modifica"


@pytest.mark.parametrize(
    ("wishes", "accept", "expected"),
    [
        ((), "", "en"),
        ((), "de, it-CH;q=0.8, en;q=0.9", "en"),
        ((), "es-419,lv;q=0.1", "es"),
        ((), "lv;q=0, it;q=0.2", "it"),
        ((), "lv;q=nonsense, es", "es"),
        ((None, "it"), "lv", "it"),
        (("xx", "LV"), "es", "lv"),
        (("fr",), "", "en"),
    ],
)
def test_language_is_chosen_by_wish_then_browser(
    wishes: tuple[str | None, ...], accept: str, expected: str
) -> None:
    assert choose(*wishes, accept=accept) == expected


def test_dates_numbers_and_lists_are_the_language_s_own() -> None:
    at = datetime(2026, 11, 23, 14, 3, 10, tzinfo=UTC)
    assert locale("lv").day(at) == "pirmdiena, 2026. gada 23. novembris"
    assert locale("es").day(at) == "lunes, 23 de noviembre de 2026"
    assert locale("it").moment(at) == "23 nov 2026 14:03 UTC"
    assert locale("es").number(1234567) == "1.234.567"
    assert locale("lv").join(["skatīt", "komentēt", "rediģēt"]) == "skatīt, komentēt un rediģēt"
    assert locale("en").join(["a<b", "c"]) == "a&lt;b and c"


def test_names_of_languages() -> None:
    assert locale("it").name_of("lv") == "lettone"
    assert locale("it").name_of("pt-BR").startswith("portoghese")
    assert locale("it").name_of("qqq") == "qqq"


def test_unknown_language_is_refused() -> None:
    with pytest.raises(KeyError):
        locale("de")


def test_nothing_compiled_is_kept() -> None:
    assert list(Path(CATALOGUES).rglob("*.mo")) == []
