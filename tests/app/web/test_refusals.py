"""What is refused is explained: no code of the domain is left without words."""

from __future__ import annotations

import re
from pathlib import Path

import domain
from app.web.locale import locale
from app.web.refusals import MESSAGES, refusal
from domain.errors import Invalid

ROOT = Path(domain.__file__).parent
# Refusals that no form of the pages can meet.
NEVER_IN_FORMS = {
    "before_itself",
    "command_reused",
    "document_unfit",
    "event_unknown",
    "node_exists",
    "permission_exists",
}


def codes() -> set[str]:
    """The codes of Invalid and Conflict that the aggregates utter."""
    names = ("asset", "document", "plan", "process", "text")
    source = "".join((ROOT / f"{name}.py").read_text() for name in names)
    return set(re.findall(r'code="(\w+)"', source))


def test_every_code_has_its_own_words() -> None:
    assert codes() - NEVER_IN_FORMS - set(MESSAGES) == set()


def test_words_are_in_the_reader_s_language() -> None:
    error = Invalid("a title is needed", code="title_missing")
    assert refusal(error, locale("es")) == "Escribe un título."


def test_an_unknown_code_still_says_what_to_do() -> None:
    assert refusal(Invalid("x", code="new"), locale("en")).startswith("This could not be done.")
