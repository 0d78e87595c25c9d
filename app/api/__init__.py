"""The outside contract over HTTP: /api/v1, /auth, event schemas, and the description of it all."""

from __future__ import annotations

from starlette.routing import BaseRoute

from app.api import (
    assets,
    audit,
    conversion,
    documents,
    events,
    exports,
    live_events,
    me,
    nodes,
    past,
    permissions,
    privacy,
    processes,
    pull_groups,
    sign_in,
    subscriptions,
    tokens,
    updates,
    versions,
    webhooks,
    witness,
)
from app.api.description import describing
from app.api.events import close_streams

__all__ = ["close_streams", "routes", "websockets"]

_resources: list[BaseRoute] = [
    *sign_in.routes,
    *me.routes,
    *privacy.routes,
    *tokens.routes,
    *processes.routes,
    *permissions.routes,
    *nodes.routes,
    *assets.routes,
    *documents.routes,
    *conversion.routes,
    *updates.routes,
    *versions.routes,
    *past.routes,
    *events.routes,
    *audit.routes,
    *exports.routes,
    *witness.routes,
    *subscriptions.routes,
    *pull_groups.routes,
    *webhooks.routes,
]
routes: list[BaseRoute] = [*_resources, *describing(_resources)]
"""What is asked and answered."""

websockets = live_events.routes
"""What is open for long, outside the middleware for HTTP."""
