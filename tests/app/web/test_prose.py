"""Content as HTML: structure kept, hostile content harmless."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.web.prose import html

Json = dict[str, Any]


def doc(*content: Json) -> Json:
    return {"type": "doc", "content": list(content)}


def text(value: str, *marks: Json) -> Json:
    return {"type": "text", "text": value, "marks": list(marks)}


def node(type: str, *content: Json, **attrs: Any) -> Json:
    return {"type": type, "attrs": attrs, "content": list(content)}


def test_blocks_and_marks() -> None:
    shown = html(
        doc(
            node("heading", text("Costs"), level=1),
            node("paragraph", text("so "), text("much", {"type": "bold"}), {"type": "hardBreak"}),
            node("bulletList", node("listItem", node("paragraph", text("one")))),
            node("orderedList", node("listItem", node("paragraph", text("two"))), start=3),
            node("blockquote", node("paragraph", text("said"))),
        ),
        "richtext",
    )
    assert shown == (
        "<h2>Costs</h2><p>so <strong>much</strong><br></p><ul><li><p>one</p></li></ul>"
        '<ol start="3"><li><p>two</p></li></ol><blockquote><p>said</p></blockquote>'
    )


def test_tables_keep_their_headers() -> None:
    cells = node("tableHeader", node("paragraph", text("Year")), colspan=2)
    table = node("table", node("tableRow", cells, node("tableCell", node("paragraph", text("1")))))
    shown = html(doc(table), "richtext")
    assert '<th colspan="2" rowspan="1"><p>Year</p></th><td colspan="1" rowspan="1"><p>1</p></td>' in shown


def test_links_lead_to_web_and_mail_only() -> None:
    def link(href: Any) -> str:
        return str(html(doc(text("go", {"type": "link", "attrs": {"href": href}})), "richtext"))

    assert 'href="https://example.org/?a=1&amp;b=&#34;"' in link('https://example.org/?a=1&b="')
    assert 'href="mailto:a@example.org"' in link("mailto:a@example.org")
    for bad in ("javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//x.org", None, 7):
        assert link(bad) == "go"


def test_plain_text_is_kept_as_it_is() -> None:
    assert html({"text": "a < b\n  c"}, "text") == "<pre>a &lt; b\n  c</pre>"
    assert html({"text": ""}, "text") == ""


def test_hostile_nesting_ends() -> None:
    deep: Json = text("bottom")
    for _ in range(5000):
        deep = node("blockquote", deep)
    assert len(html(doc(deep), "richtext")) < 5000


_leaf = st.builds(text, st.text()) | st.builds(node, st.text(max_size=8))
_json = st.recursive(
    _leaf,
    lambda inner: st.builds(
        lambda type, content, attrs: {"type": type, "content": content, "attrs": attrs},
        st.sampled_from(["paragraph", "heading", "orderedList", "tableCell", "codeBlock", "<script>"]),
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["level", "start", "colspan"]), st.text() | st.integers() | st.none()
        ),
    ),
)


@given(st.lists(_json, max_size=4))
def test_nothing_unknown_becomes_markup(content: list[Json]) -> None:
    shown = html(doc(*content), "richtext")
    assert "<script" not in shown
