"""Words that several pages need for the domain's own terms."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from app.web.activity import RIGHTS
from app.web.locale import LANGUAGES, N_, Locale
from domain import rights

SCOPES = {
    "read": N_("read"),
    "write": N_("write"),
    "live": N_("edit live documents"),
}
LIVES = {
    "7": N_("7 days"),
    "90": N_("90 days"),
    "365": N_("one year"),
    "never": N_("always, until revoked"),
}


def rights_in_words(locale: Locale, held: Iterable[str]) -> Markup:
    """`view, comment and edit`, in the order of the rights."""
    wanted = set(held)
    return locale.join(locale.gettext(RIGHTS[right]) for right in rights.RIGHTS if right in wanted)


def scopes_in_words(locale: Locale, scopes: Iterable[str]) -> Markup:
    """What a token may be used for."""
    wanted = set(scopes)
    return locale.join(locale.gettext(word) for scope, word in SCOPES.items() if scope in wanted)


def lives_in_words(locale: Locale, lives: Iterable[str]) -> list[tuple[str, str]]:
    """For how long a token is good, as choices."""
    return [(life, locale.gettext(LIVES[life])) for life in lives]


def language_options(locale: Locale, present: str) -> list[tuple[str, str]]:
    """The languages to choose from: the four of the pages, and the present one if it is another."""
    options = list(LANGUAGES.items())
    return options if present in LANGUAGES else [*options, (present, locale.name_of(present))]


def capitalised(text: str) -> str:
    """The text with a capital letter at its beginning; the rest as it is."""
    return text[:1].upper() + text[1:]
