"""The past as HTML: every part says who made it, and nothing of the text gets out of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pycrdt

from app.people import Profile
from app.web.locale import locale
from app.web.past import Past, Show
from realtime.history.attribution import compare
from realtime.history.chronicle import Chronicle

ANA, BEN = uuid4(), uuid4()
PROFILES = {
    ANA: Profile(ANA, "ana@example.org", "Ana <b>", "en", "#b3261e"),
    BEN: Profile(BEN, "ben@example.org", "Ben", "en", "#1d4ed8"),
}


class Told:
    """Two people in turns, each turn a moment."""

    def __init__(self, format: str = "richtext") -> None:
        self.format = format
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.chronicle = Chronicle()
        self.moment = 0

    @property
    def blocks(self) -> Any:
        return self.doc.get("content", type=pycrdt.XmlFragment).children

    @property
    def text(self) -> Any:
        return self.doc.get("content", type=pycrdt.Text)

    def deliver(self, person: UUID) -> int:
        self.moment += 1
        self.chronicle.feed(self.moment, person, self.doc.get_update())
        return self.moment

    def past(self, before: int, show: Show = "changes", *, code: str = "en") -> Past:
        content = compare(self.chronicle, before, self.moment, self.format)
        return Past(content, self.chronicle.people.get, PROFILES.get, locale(code), show)


def paragraph(words: str) -> pycrdt.XmlElement:
    return pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText(words)])


def test_changes_carry_the_name_of_who_made_them() -> None:
    told = Told()
    told.blocks.append(paragraph("Costs are low"))
    first = told.deliver(ANA)
    words = told.blocks[0].children[0]
    del words[0:5]
    words.insert(0, "Prices <i>")
    told.deliver(BEN)
    html = told.past(first).html("richtext")
    ins, rest = html.split("<ins", 1)[1].split("</ins>", 1)
    assert "Prices &lt;i&gt;" in ins
    assert "inserted by Ben" in ins
    assert "--by: #1d4ed8" in ins
    deleted = rest if "<del" in rest else html
    assert "deleted by Ben" in deleted
    assert "Costs</del>" in html
    assert "Ana" not in html, "what did not change is not labelled"
    shares = told.past(first).shares()
    assert [(share.who, share.inserted, share.deleted) for share in shares] == [(BEN, 10, 5)]


def test_authors_label_every_part_and_escape_names() -> None:
    told = Told()
    told.blocks.append(paragraph("one"))
    told.deliver(ANA)
    told.blocks.append(paragraph("two"))
    last = told.deliver(BEN)
    past = told.past(last, "authors")
    html = past.html("richtext")
    assert html.count('class="who"') == 2
    assert "Ana &lt;b&gt;" in html
    assert "<b>" not in html
    assert "<ins" not in html
    assert {share.who: share.written for share in past.shares()} == {ANA: 3, BEN: 3}
    assert "rakstīja Ben" in told.past(last, "authors", code="lv").html("richtext")


def test_blocks_without_text_and_other_attributes_show_too() -> None:
    told = Told()
    told.blocks.append(pycrdt.XmlElement("heading", {"level": "1"}, [pycrdt.XmlText("Title")]))
    first = told.deliver(ANA)
    told.blocks[0].attributes["level"] = "2"
    told.blocks.append(pycrdt.XmlElement("horizontalRule", {}))
    told.blocks.append(pycrdt.XmlElement("paragraph", {}))
    told.deliver(BEN)
    html = told.past(first).html("richtext")
    assert 'class="told changed"' in html
    assert html.index("formatted by Ben") < html.index("Title")
    assert html.count("¶</ins>") == 2
    assert "</ins><hr>" in html


def test_marks_stay_around_the_text_and_formatting_is_told() -> None:
    told = Told()
    told.blocks.append(paragraph("plain bold"))
    first = told.deliver(ANA)
    told.blocks[0].children[0].format(6, 10, {"bold": {}, "link": {"href": "javascript:alert(1)"}})
    told.deliver(BEN)
    html = told.past(first).html("richtext")
    assert "<strong>bold</strong></span>" in html
    assert "formatted by Ben" in html
    assert "javascript" not in html


def test_plain_text_keeps_its_lines_and_an_empty_one_is_empty() -> None:
    told = Told("text")
    assert told.past(0).html("text") == ""
    told.text.insert(0, "one\ntwo")
    first = told.deliver(uuid4())
    html = told.past(first, "authors").html("text")
    assert html.startswith("<pre>")
    assert "one\ntwo" in html
    assert "written by A former participant" in html


def test_endless_nesting_ends() -> None:
    told = Told()
    block = told.blocks.append(pycrdt.XmlElement("blockquote", {}))
    for _ in range(100):
        block = block.children.append(pycrdt.XmlElement("blockquote", {}))
    block.children.append(pycrdt.XmlText("deep"))
    told.deliver(ANA)
    html = told.past(0).html("richtext")
    assert html.count("<blockquote>") <= 62
    assert "deep" not in html
