"""Rules for the short texts that people type: trimmed, not empty, not endless."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from domain.errors import Invalid

TITLE_LIMIT = 300
TEXT_LIMIT = 20_000
URL_LIMIT = 2_000
NAME_LIMIT = 100
EMAIL_LIMIT = 254  # RFC 5321, 4.5.3.1.3

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # makes a name read as another
_EMAIL = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@<>\"(),:;\[\]\\]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def title(value: str, field: str = "title") -> str:
    """A one-line title of 1 to 300 characters; raises Invalid."""
    return _line(value, TITLE_LIMIT, field)


def name(value: str, field: str = "name") -> str:
    """A person's name of 1 to 100 characters; raises Invalid."""
    return _line(value, NAME_LIMIT, field)


def email(value: str, field: str = "email") -> str:
    """An e-mail address as addresses are compared: lower case, Unicode form NFC; raises Invalid."""
    value = unicodedata.normalize("NFC", value.strip().lower())
    if len(value) > EMAIL_LIMIT or not _EMAIL.fullmatch(value) or _REORDERING.search(value):
        raise Invalid("that is not an e-mail address", code="email_invalid", field=field)
    return _checked(value, EMAIL_LIMIT, field)


def text(value: str, field: str = "description") -> str:
    """A text of at most 20,000 characters, lines kept; raises Invalid."""
    return _checked(value.replace("\r\n", "\n").replace("\r", "\n").strip(), TEXT_LIMIT, field)


def language(value: str, field: str = "language") -> str:
    """A BCP 47 tag such as `lv` or `pt-BR`; raises Invalid."""
    if len(value) > 35 or not _LANGUAGE.fullmatch(value):
        raise Invalid(f"{value[:40]!r} is not a language tag", code="language_unknown", field=field)
    return value


def url(value: str, field: str = "url") -> str:
    """An absolute http or https address; raises Invalid."""
    value = value.strip()
    try:
        parts = urlsplit(value)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        well_formed = False
    if not well_formed or re.search(r"\s", value):
        raise Invalid("a full http or https address is needed", code="url_invalid", field=field)
    return _checked(value, URL_LIMIT, field)


def _line(value: str, limit: int, field: str) -> str:
    cleaned = " ".join(value.split())
    if not any(character.isprintable() and not character.isspace() for character in cleaned):
        raise Invalid(f"a {field} is needed", code=f"{field}_missing", field=field)
    if _REORDERING.search(cleaned):
        raise Invalid(f"{field} holds characters that no text has", code="bad_characters", field=field)
    return _checked(cleaned, limit, field)


def _checked(value: str, limit: int, field: str) -> str:
    if len(value) > limit:
        raise Invalid(f"{field} is longer than {limit} characters", code="too_long", field=field)
    if _CONTROL.search(value) or not _encodable(value):
        raise Invalid(f"{field} holds characters that no text has", code="bad_characters", field=field)
    return value


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
