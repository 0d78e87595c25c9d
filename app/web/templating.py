"""Templates into HTML, in a reader's language."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.web import bundle, words
from app.web.locale import LANGUAGES, Locale, locale

TEMPLATES = Path(__file__).with_name("templates")


@cache
def environment(code: str) -> Environment:
    """Templates that speak one language; everything put into them is escaped."""
    spoken = locale(code)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    install = made.install_gettext_callables  # type: ignore[attr-defined]  # added by the extension
    install(spoken.translations.gettext, spoken.translations.ngettext, newstyle=True)
    made.globals.update(
        locale=spoken,
        LANGUAGES=LANGUAGES,
        entry=bundle.entry,
        rights_in_words=partial(words.rights_in_words, spoken),
        scopes_in_words=partial(words.scopes_in_words, spoken),
        lives_in_words=partial(words.lives_in_words, spoken),
        language_options=partial(words.language_options, spoken),
    )
    made.filters.update(
        moment=lambda at: time_tag(spoken, at),
        clock=lambda at: time_tag(spoken, at, "clock"),
        second=lambda at: time_tag(spoken, at, "second"),
        number=spoken.number,
        initials=initials,
        capitalised=words.capitalised,
    )
    return made


def render(code: str, template: str, **values: Any) -> str:
    """The page as HTML; raises jinja2.UndefinedError when a value is missing."""
    return environment(code).get_template(template).render(**values)


def time_tag(spoken: Locale, at: datetime, style: Literal["moment", "clock", "second"] = "moment") -> Markup:
    """A moment (to the minute or second), or its time of day alone, readable by people and machines."""
    shown = spoken.clock(at) if style == "clock" else spoken.moment(at, seconds=style == "second")
    return Markup('<time datetime="{}" data-local="{}">{}</time>').format(at.isoformat(), style, shown)


def initials(name: str) -> str:
    """One or two letters that stand for a name where there is no room."""
    words = name.split()
    picked = words[:1] + words[1:][-1:]
    return "".join(word[0] for word in picked).upper()
