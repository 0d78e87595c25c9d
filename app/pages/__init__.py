"""Server-rendered pages. Each works without a script: links, forms, POST and a redirect."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from app.pages import (
    conversion,
    dashboard,
    document,
    event,
    events,
    history,
    node,
    people,
    plan,
    privacy,
    process,
    profile,
    sign_in,
    subscription_actions,
    subscriptions,
    tokens,
)
from app.pages.errors import error_page
from app.pages.page import Handler, Page, private, public
from app.pages.static import bundle_files

__all__ = ["error_page", "routes"]


async def accessibility(page: Page) -> Response:
    """How accessible this is, and whom to tell what is not."""
    return page.render("accessibility.html")


def _get(path: str, handler: Handler) -> Route:
    return Route(path, private(handler), methods=["GET"])


def _post(path: str, handler: Handler) -> Route:
    return Route(path, private(handler), methods=["POST"])


_PROCESS = "/processes/{process:uuid}"
_SUBSCRIPTION = subscriptions.ONE + "/{subscription:uuid}"
_NODE = _PROCESS + "/nodes/{node:uuid}"

routes: list[BaseRoute] = [
    Route("/sign-in", public(sign_in.show), methods=["GET"]),
    Route("/sign-in", public(sign_in.enter), methods=["POST"]),
    Route("/accessibility", public(accessibility), methods=["GET"]),
    _post("/sign-out", sign_in.leave),
    _get("/", dashboard.show),
    _get("/processes/new", process.new),
    _post("/processes/new", process.start),
    _get(_PROCESS, process.overview),
    _get(_PROCESS + "/edit", process.edit),
    _post(_PROCESS + "/edit", process.describe),
    _get(_PROCESS + "/activity", process.show_activity),
    _get(_PROCESS + "/events", events.show),
    _get(_PROCESS + "/events/{position}", event.show),
    _get(_PROCESS + "/plan", plan.show),
    _post(_PROCESS + "/plan", plan.add),
    _get(_PROCESS + "/people", people.show),
    _post(_PROCESS + "/people", people.grant),
    _post(_PROCESS + "/keeping", people.decide_keeping),
    _post(_PROCESS + "/people/{permission:uuid}/revoke", people.revoke),
    _get(_NODE, node.show),
    _post(_NODE + "/shift", plan.shift),
    _post(_NODE + "/assets/{kind}", node.add_asset),
    _post(_NODE + "/{change}", node.change),
    _post(_PROCESS + "/assets/{asset:uuid}/{change}", node.change_asset),
    Route("/documents/worker.js", document.worker, methods=["GET"]),
    _get("/documents/{document:uuid}", document.show),
    _get("/documents/{document:uuid}/download", conversion.download),
    _get("/documents/{document:uuid}/import", document.show),
    _post("/documents/{document:uuid}/import", conversion.bringing(document.show)),
    _get("/documents/{document:uuid}/history", history.show),
    _post("/documents/{document:uuid}/history/versions", history.name),
    _post("/documents/{document:uuid}/history/restore", history.restore),
    _get("/privacy", privacy.show),
    _get("/privacy/my-data.json", privacy.download),
    _post("/privacy/erasure", privacy.ask),
    _post("/privacy/erasure/call-back", privacy.call_back),
    _get("/profile", profile.show),
    _post("/profile", profile.change),
    _post("/profile/language", profile.change_language),
    _get(subscriptions.HERE, subscriptions.overview),
    _get(tokens.HERE, tokens.show),
    _post(tokens.HERE, tokens.create),
    _post(tokens.HERE + "/{token:uuid}/revoke", tokens.revoke),
    _get(subscriptions.HERE + "/new/{kind}", subscriptions.new),
    _post(subscriptions.HERE + "/new/{kind}", subscriptions.create),
    _get(_SUBSCRIPTION, subscriptions.show),
    _get(_SUBSCRIPTION + "/edit", subscriptions.edit),
    _post(_SUBSCRIPTION + "/edit", subscriptions.change),
    _post(_SUBSCRIPTION + "/pause", subscription_actions.pause),
    _post(_SUBSCRIPTION + "/resume", subscription_actions.resume),
    _post(_SUBSCRIPTION + "/seek", subscription_actions.seek),
    _post(_SUBSCRIPTION + "/replay", subscription_actions.replay),
    _post(_SUBSCRIPTION + "/parked", subscription_actions.deliver_parked),
    _post(_SUBSCRIPTION + "/ping", subscription_actions.try_),
    _post(_SUBSCRIPTION + "/deliveries/{delivery:uuid}/redeliver", subscription_actions.redeliver),
    _post(_SUBSCRIPTION + "/secret", subscription_actions.rotate),
    _get(_SUBSCRIPTION + "/delete", subscription_actions.ask_delete),
    _post(_SUBSCRIPTION + "/delete", subscription_actions.delete),
    Mount("/static", bundle_files(), name="static"),
]
