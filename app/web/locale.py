"""The four languages: which one a reader gets, and texts, numbers and dates in it.

Messages are written in English in the source; locales/<language>/LC_MESSAGES/messages.po hold the
other languages and are read at start as they are, so that nothing compiled is kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

import babel
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from markupsafe import Markup

LANGUAGES = {"lv": "Latviešu", "it": "Italiano", "es": "Español", "en": "English"}
DEFAULT = "en"
CATALOGUES = Path(__file__).with_name("locales")


def N_(message: str) -> str:  # noqa: N802  # gettext's own name for "translate me later"
    """Mark a message for extraction; it is translated where it is shown."""
    return message


class Locale:
    """One language. Values put into a message are escaped for HTML unless they are Markup."""

    def __init__(self, code: str, translations: NullTranslations) -> None:
        self.code = code
        self.translations = translations
        self._babel = babel.Locale.parse(code)

    def gettext(self, message: str, **values: object) -> Markup:
        """The message in this language, with `%(name)s` filled."""
        return Markup(self.translations.gettext(message)) % values

    def ngettext(self, one: str, many: str, n: int, **values: object) -> Markup:
        """The form of the message that `n` needs in this language."""
        return Markup(self.translations.ngettext(one, many, n)) % values

    def moment(self, at: datetime, *, seconds: bool = False) -> str:
        """Date and time of a moment in UTC, which the page's script turns into the reader's own."""
        return f"{format_date(at, 'medium', locale=self._babel)} {self.clock(at, seconds=seconds)}"

    def clock(self, at: datetime, *, seconds: bool = False) -> str:
        """The time of day of a moment in UTC."""
        return f"{format_time(at, 'medium' if seconds else 'short', locale=self._babel)} UTC"

    def day(self, at: datetime) -> str:
        """A date in words."""
        return format_date(at, "full", locale=self._babel)

    def number(self, value: int) -> str:
        """A whole number, grouped as usual in this language."""
        return format_decimal(value, locale=self._babel)

    def join(self, items: Iterable[str]) -> Markup:
        """`a, b and c`."""
        return Markup(format_list([str(Markup.escape(item)) for item in items], locale=self._babel))

    def name_of(self, language: str) -> str:
        """What a language (BCP 47) is called in this one."""
        try:
            return babel.Locale.parse(language, sep="-").get_display_name(self._babel) or language
        except (ValueError, babel.UnknownLocaleError):
            return language


@cache
def locale(code: str) -> Locale:
    """One of LANGUAGES; raises KeyError for any other."""
    return Locale(code, _translations(code))


def _translations(code: str) -> NullTranslations:
    if code == DEFAULT:
        return NullTranslations()
    if code not in LANGUAGES:
        raise KeyError(code)
    compiled = io.BytesIO()
    with (CATALOGUES / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return Translations(compiled)


def choose(*wishes: str | None, accept: str = "") -> str:
    """The first wish that is one of LANGUAGES (`it-CH` is `it`), else what the browser accepts best."""
    for wish in [*wishes, *_accepted(accept)]:
        primary = (wish or "").split("-")[0].lower()
        if primary in LANGUAGES:
            return primary
    return DEFAULT


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), best first."""
    found: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if quality > 0:
            found.append((-quality, tag))
    return [tag for _, tag in sorted(found, key=lambda pair: pair[0])]
