"""How subscriptions stand, in words: nothing that they can be or meet is left without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from app import subscriptions
from app.subscriptions.delivery_log import Cause, Outcome
from app.subscriptions.queue import TIMED_OUT
from app.subscriptions.subscription import CREDENTIAL_ENDED, Kind, State
from app.web import subscription_words as words
from app.web.locale import locale
from app.web.templating import environment

EN = locale("en")


def test_everything_has_words_and_every_state_a_picture_of_its_own() -> None:
    assert set(words.KINDS) == set(get_args(Kind))
    assert set(words.STATES) == set(words.MEANINGS) == set(words.ICONS) == set(get_args(State))
    assert set(words.OUTCOMES) == set(get_args(Outcome))
    assert set(words.CAUSES) == set(get_args(Cause))
    assert len(set(words.ICONS.values())) == len(words.ICONS)
    shapes = environment("en").get_template("_icons.html").module.SHAPES  # type: ignore[attr-defined]
    assert set(words.ICONS.values()) <= set(shapes)


def test_every_error_of_ours_is_explained() -> None:
    [folder] = subscriptions.__path__
    source = "".join(file.read_text() for file in Path(folder).glob("*.py"))
    uttered = set(re.findall(r'Answer\(None, error="(\w+)"', source))
    assert {"timeout", "connection", "address_refused"} <= uttered
    for error in (*uttered, TIMED_OUT, CREDENTIAL_ENDED):
        assert words.error_in_words(EN, error) != error, error


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (302, "points elsewhere"),
        (401, "does not recognise"),
        (410, "wants no more"),
        (418, "refuses"),
        (503, "fault of its own"),
        (100, "answered 100."),
    ],
)
def test_answers_say_what_they_mean(status: int, said: str) -> None:
    assert said in words.error_in_words(EN, f"answered {status}")
    assert words.attempt_in_words(EN, status, None) == words.error_in_words(EN, f"answered {status}")


def test_what_a_worker_reports_is_text() -> None:
    assert words.error_in_words(EN, "<b> %(status)s answered 500") == "&lt;b&gt; %(status)s answered 500"


def test_success_needs_no_words() -> None:
    assert words.attempt_in_words(EN, 204, None) == ""
    assert words.attempt_in_words(EN, None, "timeout") == "The receiver did not answer in time."
