"""Templates: all compile in all languages, everything is escaped, missing values are an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from jinja2 import UndefinedError

from app.web.locale import LANGUAGES, locale
from app.web.templating import environment, initials, time_tag

AT = datetime(2026, 11, 23, 14, 3, tzinfo=UTC)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_template_compiles(code: str) -> None:
    made = environment(code)
    names = made.list_templates()
    assert "base.html" in names
    for name in names:
        made.get_template(name)


def test_values_are_escaped_and_missing_ones_refused() -> None:
    made = environment("en")
    assert made.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        made.from_string("{{ y }}").render()


def test_messages_escape_what_is_filled_in() -> None:
    template = environment("lv").from_string('{{ _("only in “%(part)s”", part=x) }}')
    assert template.render(x="<b>") == "tikai sadaļā „&lt;b&gt;”"


def test_times_are_machine_readable() -> None:
    assert time_tag(locale("es"), AT) == (
        '<time datetime="2026-11-23T14:03:00+00:00" data-local="moment">23 nov 2026 14:03 UTC</time>'
    )
    assert time_tag(locale("es"), AT, "clock").endswith('data-local="clock">14:03 UTC</time>')


@pytest.mark.parametrize(
    ("name", "expected"), [("Ilze Bērziņa", "IB"), ("ana", "A"), ("Ana María de la Cruz", "AC"), ("", "")]
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected
