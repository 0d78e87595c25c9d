"""What a reader sees when something is refused or went wrong."""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.http.problems import Problem
from app.pages.page import NO_STORE, open_page
from app.web.locale import N_

log = structlog.get_logger(__name__)

# A heading, and what to do.
TEXTS = {
    403: (
        N_("You may not do this"),
        N_("You lack the right to it here. Ask an administrator of the process to give it to you."),
    ),
    404: (
        N_("There is nothing here"),
        N_("The address is wrong, the thing was taken away, or it is not shared with you."),
    ),
    405: (N_("This does not work this way"), N_("Go back, reload the page, and try again.")),
    409: (
        N_("Somebody was faster"),
        N_("This was changed meanwhile. Go back, reload the page, and try again."),
    ),
    413: (N_("This is too large"), N_("Shorten what you entered, and try again.")),
    422: (N_("This could not be understood"), N_("Go back, check what you entered, and try again.")),
    503: (
        N_("Please wait a moment"),
        N_("The service cannot answer just now. Nothing was lost; try again in a moment."),
    ),
    500: (
        N_("Something went wrong here"),
        N_("It was noted and will be looked at. Try again; if it stays, tell whoever runs this site."),
    ),
}
CSRF = (
    N_("This form was open too long"),
    N_("Go back, reload the page, and send it again. Copy long texts first."),
)


async def error_page(request: Request, problem: Problem) -> Response:
    """The problem as a page in the reader's language."""
    known = problem.status in TEXTS
    heading, advice = TEXTS[problem.status if known else 422 if problem.status < 500 else 500]
    if problem.code == "csrf_failed":
        heading, advice = CSRF
    try:
        page = await open_page(request)
        html = page.render("error.html", heading=heading, advice=advice, problem=problem)
    except Exception as error:  # what broke the page may break its error page too
        log.error("error_page_failed", error=type(error).__name__)
        return HTMLResponse(f"<!doctype html><title>{heading}</title><h1>{heading}</h1>", problem.status)
    html.status_code = problem.status
    html.headers.update(NO_STORE)
    return html
