"""The whole application and people who talk to it, as in tests/app/api; webhooks may go to this machine."""

from tests.app.api.conftest import address, ana, app, bruno, sign_up, visitor
from tests.app.subscriptions.hooks import system

__all__ = ["address", "ana", "app", "bruno", "sign_up", "system", "visitor"]
