"""A form: what was typed stands there again, with what is wrong with it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.pages.form import Form, Forms
from domain.errors import Invalid

SENT = Form("add", {"csrf": "c", "once": "7", "title": " Parks ", "empty": ""})


def test_what_the_page_put_in_was_not_entered() -> None:
    assert dict(SENT.entered) == {"title": " Parks ", "empty": ""}
    assert SENT.once == "7"
    assert Form("add").once == ""


def test_a_value_is_what_was_typed_even_nothing_or_else_what_stood_there() -> None:
    assert [SENT[name] for name in ("title", "empty", "none")] == [" Parks ", "", ""]
    found = [SENT.value(name, "before") for name in ("title", "empty", "none")]
    assert found == [" Parks ", "", "before"]
    assert SENT.value("none", 3) == "3"


def test_an_id_is_chosen_or_not_or_none() -> None:
    id = uuid4()
    assert Form("add", {"to": str(id)}).uuid("to", "code") == id
    assert Form("add", {"to": ""}).uuid("to", "code") is None
    assert Form("add").uuid("to", "code") is None
    for wrong in ("x", str(id)[:-1], "0" * 33, str(UUID(int=0)) + "\n1", "\x00"):
        with pytest.raises(Invalid) as refused:
            Form("add", {"to": wrong}).uuid("to", "process_unknown")
        assert (refused.value.code, refused.value.field) == ("process_unknown", "to")


def test_errors_add_up_and_leave_the_form_before_as_it_was() -> None:
    once = SENT.with_error("title", "Too long.")
    twice = once.with_error(None, "Not now.")
    assert (twice.error("title"), twice.errors[None], twice["title"]) == ("Too long.", "Not now.", " Parks ")
    assert (once.errors, SENT.errors) == ({"title": "Too long."}, {})
    assert SENT.error("title") is None
    assert SENT.id("title") == "add-title"


def test_of_the_forms_of_a_page_one_at_most_was_sent() -> None:
    forms = Forms(SENT)
    assert forms.named("add") is SENT
    assert forms.named("other") == Form("other")
    assert Forms().named("add") == Form("add")
