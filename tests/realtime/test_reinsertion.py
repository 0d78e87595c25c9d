"""A person's deleted text that others wrote again, by undoing, splitting or restoring."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from realtime import crdt
from realtime.redaction import redact, redact_runs
from realtime.reinsertion import RUN, Delivery, reinserted

ANA, BO = 7, 9
TEXT = "what Ana wrote about her health"


class Play:
    """Two people on one text; each step of theirs is a delivery."""

    def __init__(self) -> None:
        self.doc: dict[int, pycrdt.Doc[Any]] = {who: pycrdt.Doc(client_id=who) for who in (ANA, BO)}
        self.deliveries: list[Delivery] = []

    def step(self, who: int, at: int, *, insert: str = "", delete: int = 0) -> None:
        doc = self.doc[who]
        before = doc.get_state()
        made: list[bytes] = []
        watch = doc.observe(lambda event: made.append(event.update))
        text = doc.get("content", type=pycrdt.Text)
        with doc.transaction():
            if delete:
                del text[at : at + delete]
            if insert:
                text.insert(at, insert)
        doc.unobserve(watch)
        assert before is not None
        self.deliveries.append(Delivery(len(self.deliveries) + 1, who == ANA, made[0]))
        self.doc[ANA + BO - who].apply_update(made[0])

    def left(self) -> str:
        """What is left when Ana's text is gone."""
        again = reinserted(self.deliveries)
        return crdt.text_of(
            crdt.merge(
                [redact(d.update) if d.own else redact_runs(d.update, again) for d in self.deliveries]
            ),
            "text",
        )


def test_what_was_deleted_and_written_again_goes() -> None:
    play = Play()
    for at, letter in enumerate(TEXT):
        play.step(ANA, at, insert=letter)
    play.step(BO, 0, delete=len(TEXT))
    play.step(BO, 0, insert=f"Bo: {TEXT}. Yes.")
    assert play.left() == "Bo: . Yes."


def test_a_paragraph_split_in_one_step_goes() -> None:
    play = Play()
    play.step(ANA, 0, insert=TEXT)
    play.step(BO, 5, delete=len(TEXT) - 5, insert=TEXT[5:])
    assert play.left() == ""


def test_what_was_mended_before_it_was_deleted_is_found_as_it_read() -> None:
    play = Play()
    play.step(ANA, 0, insert="what Anna wrotte about")
    play.step(ANA, 6, delete=1)
    play.step(ANA, 12, delete=1)
    mended = "what Ana wrote about"
    play.step(BO, 0, delete=len(mended))
    play.step(BO, 0, insert=mended)
    assert play.left() == ""


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(TEXT[: RUN - 1], id="too short to tell"),
        pytest.param("Nothing of what she said", id="other words"),
    ],
)
def test_others_words_stay(again: str) -> None:
    play = Play()
    play.step(ANA, 0, insert=TEXT)
    play.step(BO, 0, delete=len(TEXT))
    play.step(BO, 0, insert=again)
    assert play.left() == again


def test_a_quotation_of_what_stands_stays_and_so_does_what_came_before_the_deletion() -> None:
    play = Play()
    play.step(ANA, 0, insert=TEXT)
    play.step(BO, len(TEXT), insert=TEXT)
    assert play.left() == TEXT
    play.step(BO, 0, delete=len(TEXT))
    assert play.left() == TEXT


def test_what_cannot_be_read_is_passed_over() -> None:
    play = Play()
    play.step(ANA, 0, insert=TEXT)
    play.step(BO, 0, delete=len(TEXT))
    play.deliveries.insert(0, Delivery(0, False, b"\x07"))
    play.deliveries.append(play.deliveries[-1])
    assert not list(reinserted(play.deliveries).runs())
