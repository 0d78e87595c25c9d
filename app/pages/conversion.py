"""A document as a file to download, and a file to bring into it: links and a form, no script needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import uuid5

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from app.conversion.answers import as_file, as_problems, received
from app.conversion.converter import Content
from app.conversion.errors import NotConverted
from app.conversion.formats import MADE
from app.conversion.importing import Upload, bring_in
from app.door import Visitor
from app.http.problems import Problem
from app.pages.form import Form
from app.pages.page import NO_STORE, Handler, Page
from app.web.locale import N_, Locale
from domain.errors import DomainError, Invalid, NotFound

FORM = "import"
NAMES = {
    "docx": N_("Word (.docx)"),
    "odt": N_("OpenDocument (.odt)"),
    "pdf": N_("PDF (.pdf)"),
    "html": N_("Web page (.html)"),
    "md": N_("Markdown (.md)"),
}
_COUNTED = re.compile(r"([a-z_]{1,40})\.([1-9]\d{0,5})")


@dataclass(frozen=True)
class Transfer:
    """What the page of a document says about files: their kinds, and how an import went."""

    kinds: list[tuple[str, Markup]]
    imported: bool
    left_out: list[Markup]
    megabytes: int


def transfer(page: Page) -> Transfer:
    """For the page that shows a document."""
    kinds = [(kind, page.locale.gettext(name)) for kind, name in NAMES.items()]
    told = [_told(page.locale, *each) for each in _COUNTED.findall(page.query("left") or "")]
    imported = page.query("done") == "imported"
    size = page.system.settings.conversion.upload // 1_000_000
    return Transfer(kinds, imported, [each for each in told if each] if imported else [], size)


async def download(page: Page) -> Response:
    """The document as a file."""
    access = await page.system.authorization.document(page.person, page.id("document"))
    kind = page.query("format") or ""
    if kind not in MADE:
        raise NotFound("no such kind of file")
    content = Content(access.format, await page.system.hub.read(access.document))
    with as_problems():
        return await as_file(page.system.converter, access, content, kind)


def bringing(show: Handler) -> Handler:
    """Takes the form that brings a file in; `show` is the page that the form is on."""

    async def bring(page: Page) -> Response:
        id = page.id("document")
        try:
            form, upload = await _sent(page)
        except Problem as problem:
            if problem.code != "file_missing":
                raise
            form = Form(FORM)
            return await show(page.refused(form, Invalid(problem.detail, code=problem.code, field="file")))
        try:
            left_out = await bring_in(page.system, Visitor(page.person, may_write=True), id, upload)
        except NotConverted as refusal:
            told: DomainError = Invalid(str(refusal), code=refusal.code, field="file")
            return await show(page.refused(form, told))
        counted = " ".join(f"{code}.{count}" for code, count in sorted(left_out.items()))
        notice = {"done": "imported", **({"left": counted} if counted else {})}
        return RedirectResponse(f"/documents/{id}?{urlencode(notice)}", 303, NO_STORE)

    return bring


async def _sent(page: Page) -> tuple[Form, Upload]:
    """The form without its file, and the file; raises Problem (file_missing)."""
    sent = await received(page.request)
    if not sent.name and not sent.data:
        raise Problem(422, "file_missing", "choose a file")
    form = Form(FORM, sent.fields)
    command = uuid5(page.person, f"{form.once} {page.request.url.path}")
    return form, Upload(sent.name, sent.media_type, sent.data, form["mode"] == "replace", command)


def _told(locale: Locale, code: str, count: str) -> Markup | None:
    n = int(count)
    match code:
        case "picture_too_large":
            return locale.ngettext(
                "%(num)s picture was too large and was left out.",
                "%(num)s pictures were too large and were left out.",
                n,
                num=n,
            )
        case "picture_missing" | "picture_kind":
            return locale.ngettext(
                "%(num)s picture could not be taken over.",
                "%(num)s pictures could not be taken over.",
                n,
                num=n,
            )
        case "picture_without_text":
            return locale.ngettext(
                "%(num)s picture has no description. Write one for people who cannot see it.",
                "%(num)s pictures have no description. Write one for people who cannot see them.",
                n,
                num=n,
            )
        case "style" | "raw":
            return locale.ngettext(
                "%(num)s special format was left out; its text is here.",
                "%(num)s special formats were left out; their text is here.",
                n,
                num=n,
            )
    return None
