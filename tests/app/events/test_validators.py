"""ETags of pages of the log: known again as long as the page is what it was, and by nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.authorization import CHANGES
from app.database.postgres import Pool
from app.events import validators as module
from app.events.validators import Tag, Validator, newest_change
from domain.catalogue import REWRITING
from domain.ports import Context, EventLog, NewEvent

ANA, BRUNO = UUID(int=0xA), UUID(int=0xB)
ASKED: dict[str, Any] = {"after": 3, "before": None, "type": ["plan.*"], "process": UUID(int=7)}
POSITIONS = st.integers(0, 2**63 - 1)


def validator(person: UUID = ANA, newest: int = 5, **asked: Any) -> Validator:
    return Validator(ASKED | asked, person, newest)


@given(POSITIONS, POSITIONS, POSITIONS)
def test_a_tag_says_where_its_page_ends_and_how_long_the_log_was(end: int, head: int, now: int) -> None:
    tag = validator().tag(Tag(end, head))
    assert validator().known(tag, head) == Tag(end, head)
    assert validator().known(tag, now) == (Tag(end, head) if head in (0, now) else None)


def test_a_tag_is_an_etag_that_clients_may_send_back_in_any_company() -> None:
    tag = validator().tag(Tag(9, 0))
    assert tag[0] == tag[-1] == '"'
    assert tag.strip('"').replace("-", "").isalnum()
    for sent in (tag, f"W/{tag}", f'"other", {tag}', f'{tag},"other"', f'"1-0-{"0" * 32}", {tag}'):
        assert validator().known(sent, 12) == Tag(9, 0), sent


@pytest.mark.parametrize(
    "other",
    [
        validator(BRUNO),
        validator(newest=6),
        validator(after=4),
        validator(type=["plan.*", "asset.*"]),
        validator(process=None),
        validator(accepted="application/x-ndjson"),
    ],
    ids=["reader", "rights or payloads", "beginning", "types", "process", "form"],
)
def test_a_tag_is_for_one_reader_one_question_and_one_state_of_rights(other: Validator) -> None:
    page = Tag(9, 0)
    assert other.tag(page) != validator().tag(page)
    assert other.known(validator().tag(page), 12) is None


def test_another_version_of_the_program_knows_no_tag_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tag = validator().tag(Tag(9, 0))
    monkeypatch.setattr(module, "_WRITTEN", [*module._WRITTEN, "another.event/2"])
    assert validator().known(tag, 12) is None


def test_the_order_in_which_a_question_is_put_does_not_count() -> None:
    turned = Validator(dict(reversed(ASKED.items())), ANA, 5)
    assert turned.tag(Tag(9, 12)) == validator().tag(Tag(9, 12))


@settings(max_examples=40)
@given(
    st.one_of(
        st.text(),
        st.text(alphabet='"-0123456789abcdefW/, '),
        st.from_regex(r'"[0-9a-f]{1,17}-[0-9a-f]{1,17}-[0-9a-f]{32}"', fullmatch=True),
    )
)
def test_what_we_did_not_write_is_not_known(sent: str) -> None:
    assert validator().known(sent, 12) is None


def test_a_changed_digit_makes_another_tag() -> None:
    tag = validator().tag(Tag(9, 0))
    for at, digit in enumerate(tag):
        if digit not in '"-':
            changed = tag[:at] + ("1" if digit == "0" else "0") + tag[at + 1 :]
            assert validator().known(changed, 12) is None


def test_a_list_without_end_is_not_read_to_its_end() -> None:
    tag = validator().tag(Tag(9, 0))
    assert validator().known(", ".join([*['"1-0-' + "0" * 32 + '"'] * 1_000, tag]), 12) is None


async def test_what_changes_rights_or_payloads_is_found_however_long_the_log(
    pool: Pool, log: EventLog
) -> None:
    assert await newest_change(pool) == 0

    async def append(type: str) -> int:
        return (await log.append([NewEvent(uuid4(), type, b"{}")], Context())).last

    await append("person.noted")
    assert await newest_change(pool) == 0
    for type in sorted(CHANGES | REWRITING):
        changed = await append(type)
        await append("process.described")
        assert await newest_change(pool) == changed, type
