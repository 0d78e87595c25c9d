"""The editor's JSON → a file. Runs in the child process."""

from __future__ import annotations

import re
from html import escape

from app.conversion import odt, pandoc, typst
from app.conversion.formats import FORMATS
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json
from app.conversion.to_pandoc import API_VERSION, Writing

_BETWEEN = "<!-- between tables -->"  # no text can hold it unescaped
_BLANK_LINE = re.compile(r"\n([ \t]*)\n")
_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src https: data:; \
style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 1.05rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #767676; padding: 0.3rem 0.6rem; text-align: start; vertical-align: top; }}
blockquote {{ border-inline-start: 3px solid #767676; margin-inline: 0; padding-inline-start: 1rem; }}
pre {{ overflow-x: auto; }}
</style>
</head>
<body>
<header id="title-block-header"><h1 class="title">{title}</h1></header>
<main>
{body}</main>
</body>
</html>
"""


def write(
    document: Json, target: str, limits: ConversionLimits, *, title: str, language: str, whole: bool = True
) -> bytes:
    """A file of the kind `target`, or with `whole` False, md and html without what goes around the text.

    Raises NotConverted.
    """
    writing = Writing(target, limits)
    tree = writing.document(document, title=title if whole else "", language=language if whole else "")
    writer = FORMATS[target].writer or "plain"
    if target == "pdf":
        return typst.compile(pandoc.from_tree(tree, writer, limits).decode(), writing.files, title, language)
    if target == "html":
        body = pandoc.from_tree({**tree, "meta": {}}, writer, limits)
        if not whole:
            return body
        page = _PAGE.format(title=escape(title), language=escape(language), body=body.decode())
        return page.encode()
    if target == "md":
        _fill_in_tables(writing, limits)
    made = pandoc.from_tree(tree, writer, limits, *(["--standalone"] if whole else []))
    return odt.with_alternatives(made, writing.alternatives) if target == "odt" else made


def _fill_in_tables(writing: Writing, limits: ConversionLimits) -> None:
    """Tables that Markdown can't hold stand in it as HTML, without the blank lines that would end it."""
    if not writing.as_html:
        return
    blocks: list[Json] = []
    for _, table in writing.as_html:
        blocks += [table, {"t": "RawBlock", "c": ["html", _BETWEEN]}]
    tree = {"pandoc-api-version": API_VERSION, "meta": {}, "blocks": blocks}
    html = pandoc.from_tree(tree, "html5", limits).decode()
    for (place, _), made in zip(writing.as_html, html.split(_BETWEEN), strict=False):
        place["c"][1] = _BLANK_LINE.sub(r"\n\1&#10;", made.strip("\n"))
