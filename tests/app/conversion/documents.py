"""Documents of the editor's schema: random ones, and one with everything in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from app.conversion import schema
from app.conversion.schema import Json, node
from app.conversion.schema import text as txt

PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LINK = schema.link("https://example.org/a?b=1&c=%C4%81")


def doc(*blocks: Json) -> Json:
    return {"type": "doc", "content": list(blocks)}


def par(*content: Json | str) -> Json:
    return node("paragraph", [txt(each) if isinstance(each, str) else each for each in content])


def bullets(*items: Sequence[Json]) -> Json:
    return node("bulletList", [node("listItem", item) for item in items])


def numbers(start: int, *items: Sequence[Json], type: str | None = None) -> Json:
    return node("orderedList", [node("listItem", item) for item in items], start=start, type=type)


def cell(kind: str, *content: Json, columns: int = 1, rows: int = 1) -> Json:
    return node(kind, content or [par()], colspan=columns, rowspan=rows)


def head(value: str, **spans: int) -> Json:
    return cell("tableHeader", par(value), **spans)


def data(value: str, **spans: int) -> Json:
    return cell("tableCell", par(value), **spans)


def table(*rows: Sequence[Json]) -> Json:
    return node("table", [node("tableRow", row) for row in rows])


def code(value: str, language: str | None = None) -> Json:
    return node("codeBlock", [txt(value)], language=language)


def picture(alt: str = "a “picture”", **sizes: int) -> Json:
    return node("image", src=PICTURE, alt=alt, **sizes)


EVERYTHING = doc(
    node("heading", [txt("Virsraksts "), txt("ādā", {"italic": {}})], level=1),
    par(
        "plain ",
        txt("bold", {"bold": {}}),
        " ",
        txt("both", {"bold": {}, "italic": {}}),
        " ",
        txt("under", {"underline": {}}),
        " ",
        txt("struck", {"strike": {}}),
        " ",
        txt("code <x>", {"code": {}}),
        " ",
        txt("link", {"link": LINK}),
        " ",
        txt("hola amigo", {"language": {"lang": "es"}}),
        ' *not* _em_ <b> $5 and $6 & "q" \\ `x` #1 [a](b)',
    ),
    par("line", node("hardBreak"), "two"),
    bullets(
        [par("one"), numbers(4, [par("deep")], [par("deeper")])],
        [par("two"), par("still two")],
        [par("three")],
    ),
    numbers(1, [par("x")]),
    node("blockquote", [par("quote"), par("more")]),
    code("def f():\n    return '<b>'\n\n# x"),
    node("horizontalRule"),
    table(
        [head("A"), head("B"), head("C")],
        [data("1"), data("2", columns=2)],
        [data("3", rows=2), data("4"), data("5")],
        [data("6"), data("7")],
    ),
    par("between"),
    table([head("A"), head("B")], [head("r1"), data("v1")], [head("r2"), data("v2")]),
    par("between"),
    table([data("no"), data("head")], [data("x"), cell("tableCell", par("p1"), par("p2"))]),
    par("picture ", picture(width=300, height=200), " after"),
    node("heading", [txt("Last")], level=3),
)

# --- random ones

_WORD = st.text("abcāž9*_`<>&#[]()!|\\$\"'~^.-+=:;/{}@€😀", min_size=1, max_size=6)
_PLAIN = st.lists(_WORD, min_size=1, max_size=4).map(" ".join)
_MARKS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"code": {}}),
    st.dictionaries(st.sampled_from(["bold", "italic", "underline", "strike"]), st.just({}), max_size=2),
    st.just({"link": LINK}),
    st.just({"language": {"lang": "es"}}),
    st.just({"language": {"lang": "es"}, "link": LINK, "underline": {}, "bold": {}}),
)
_LETTERS = st.text("abcāž", min_size=1, max_size=6)


@st.composite
def inlines(draw: st.DrawFn, *, marks: bool = True) -> list[Json]:
    """Text runs, of which those with marks are whole words."""
    made = [txt(draw(_PLAIN))]
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["text", "break", "picture"]))
        if kind == "break":
            made += [node("hardBreak"), txt(draw(_LETTERS))]
        elif kind == "picture":
            made += [txt(" "), picture(draw(_LETTERS), width=40, height=30), txt(" " + draw(_LETTERS))]
        elif marks:
            made += [txt(" "), txt(draw(_LETTERS), draw(_MARKS)), txt(" " + draw(_LETTERS))]
    return made


PARAGRAPH = inlines().map(lambda found: node("paragraph", found))
HEADING = st.builds(
    lambda found, level: node("heading", found, level=level),
    _PLAIN.map(lambda value: [txt(value)]),
    st.integers(1, 6),
)
CODE = st.lists(st.text("ab <&`*\t", max_size=8), min_size=1, max_size=3).map("\n".join)
CODE_BLOCK = CODE.map(lambda value: value.strip() or "x").map(code)
RULE = st.just(node("horizontalRule"))


def lists(depth: int = 2, starts: st.SearchStrategy[int] = st.integers(1, 40)) -> st.SearchStrategy[Json]:  # noqa: B008
    """Lists, nested; inner ones begin with 1: pandoc's OpenDocument mixes their numbers up."""
    inner = st.lists(lists(depth - 1, st.just(1)), max_size=1) if depth else st.just([])
    more = st.lists(PARAGRAPH, max_size=1)
    item = st.builds(lambda first, second, below: [first, *second, *below], PARAGRAPH, more, inner)
    items = st.lists(item, min_size=1, max_size=3)
    return st.one_of(
        items.map(lambda found: bullets(*found)),
        st.builds(lambda found, start: numbers(start, *found), items, starts),
    )


@st.composite
def tables(draw: st.DrawFn) -> Json:
    """Tables with a head or without, header columns, spans, and several blocks in a cell."""
    width = draw(st.integers(1, 3))
    headed, sides = draw(st.booleans()), draw(st.integers(0, 1)) if width > 1 else 0
    rows: list[list[Json]] = [[head(draw(_LETTERS)) for _ in range(width)]] if headed else []
    for _ in range(draw(st.integers(1, 3))):
        row = [head(draw(_LETTERS)) for _ in range(sides)]
        left = width - sides
        while left:
            columns = draw(st.integers(1, left)) if rows else 1  # each column begins a cell somewhere
            content = draw(st.lists(PARAGRAPH, min_size=1, max_size=2))
            row.append(cell("tableCell", *content, columns=columns))
            left -= columns
        rows.append(row)
    return table(*rows)


QUOTE = st.lists(PARAGRAPH, min_size=1, max_size=2).map(lambda found: node("blockquote", found))


def between(blocks: list[Json]) -> Json:
    """A document in which equal neighbours stand apart: in files, two lists in a row may be one."""
    made: list[Json] = []
    for each in blocks:
        made += [par("apart"), each] if made and each["type"] != "paragraph" else [each]
    return doc(*made)


DOCUMENTS = st.lists(
    st.one_of(PARAGRAPH, HEADING, CODE_BLOCK, RULE, lists(), tables(), QUOTE), min_size=1, max_size=5
).map(between)
