"""A document's content as HTML, for who reads without a script, and for print.

What the editor's schema does not know is shown as the text inside it. Nothing of the content
reaches the page unescaped, and links lead to web and mail addresses only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from app.conversion import pictures, schema

DEPTH = 60
_SAFE_LINKS = ("http://", "https://", "mailto:")
_BLOCKS = {
    "paragraph": "p",
    "bulletList": "ul",
    "listItem": "li",
    "blockquote": "blockquote",
    "table": "table",
    "tableRow": "tr",
}
_MARKS = {"bold": "strong", "italic": "em", "strike": "s", "underline": "u", "code": "code"}
Json = dict[str, Any]


def html(content: Json, format: str) -> Markup:
    """What `realtime.crdt.json_of` gives, as HTML; empty for an empty document."""
    if format == "text":
        return Markup("<pre>{}</pre>").format(content["text"]) if content["text"] else Markup()
    return _inside(content, 0)


def _inside(node: Json, depth: int) -> Markup:
    if depth > DEPTH:
        return Markup()
    return Markup().join(_node(child, depth + 1) for child in node.get("content", ()))


def _node(node: Json, depth: int) -> Markup:
    if node["type"] == "text":
        return marked(Markup.escape(node.get("text", "")), node.get("marks", ()))
    return block(node["type"], node.get("attrs") or {}, _inside(node, depth))


def block(kind: str, attributes: Json, inside: Markup) -> Markup:
    """A node that is no text, around what is in it."""
    match kind:
        case "hardBreak":
            return Markup("<br>")
        case "horizontalRule":
            return Markup("<hr>")
        case "image":
            return _picture(attributes)
        case "heading":
            # The page has the document's title as its first heading: the text's own stand below it.
            level = min(max(_whole(attributes.get("level"), 1), 1), 5) + 1
            return Markup("<h{0}>{1}</h{0}>").format(level, inside)
        case "orderedList":
            return Markup('<ol start="{}">{}</ol>').format(_whole(attributes.get("start"), 1), inside)
        case "codeBlock":
            return Markup("<pre><code>{}</code></pre>").format(inside)
        case "tableHeader" | "tableCell":
            tag = "th" if kind == "tableHeader" else "td"
            spans = (_whole(attributes.get(name), 1) for name in ("colspan", "rowspan"))
            return Markup('<{0} colspan="{1}" rowspan="{2}">{3}</{0}>').format(tag, *spans, inside)
    found = _BLOCKS.get(kind)
    return Markup("<{0}>{1}</{0}>").format(found, inside) if found else inside


def _picture(attributes: Json) -> Markup:
    alternative, source = attributes.get("alt"), attributes.get("src")
    alternative = alternative if isinstance(alternative, str) else ""
    if not pictures.embedded(source) and not pictures.remote(source):
        return Markup.escape(alternative)
    return Markup('<img src="{}" alt="{}" loading="lazy">').format(source, alternative)


def marked(shown: Markup, marks: Iterable[Json]) -> Markup:
    """Text with its marks around it."""
    for mark in marks:
        if mark["type"] == "link":
            shown = _link(str((mark.get("attrs") or {}).get("href") or ""), shown)
        elif mark["type"] == "language":
            if tag := schema.language((mark.get("attrs") or {}).get("lang")):
                shown = Markup('<span lang="{}">{}</span>').format(tag, shown)
        elif mark["type"] in _MARKS:
            shown = Markup("<{0}>{1}</{0}>").format(_MARKS[mark["type"]], shown)
    return shown


def _link(href: str, text: Markup) -> Markup:
    if not href.lower().startswith(_SAFE_LINKS):
        return text
    return Markup('<a href="{}" rel="noopener nofollow ugc">{}</a>').format(href, text)


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and 0 < value < 1000 else otherwise
