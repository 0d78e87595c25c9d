"""Terms of the domain, in words."""

from __future__ import annotations

from app.sign_in import SCOPES as KNOWN_SCOPES
from app.web.activity import RIGHTS
from app.web.locale import locale
from app.web.words import SCOPES, capitalised, language_options, lives_in_words, rights_in_words
from domain.rights import RIGHTS as KNOWN_RIGHTS


def test_every_right_and_scope_has_a_word() -> None:
    assert set(RIGHTS) == set(KNOWN_RIGHTS)
    assert set(SCOPES) == set(KNOWN_SCOPES)


def test_rights_stand_in_their_own_order() -> None:
    assert rights_in_words(locale("en"), ["edit", "view"]) == "view and edit"


def test_a_language_from_elsewhere_stays_to_be_chosen() -> None:
    assert [code for code, _ in language_options(locale("en"), "lv")] == ["lv", "it", "es", "en"]
    assert language_options(locale("en"), "pt")[-1] == ("pt", "Portuguese")


def test_lives_are_choices() -> None:
    assert lives_in_words(locale("es"), ["7", "never"]) == [
        ("7", "7 días"),
        ("never", "siempre, hasta que se revoque"),
    ]


def test_capitalised_leaves_the_rest() -> None:
    assert capitalised("edit PDFs") == "Edit PDFs"
