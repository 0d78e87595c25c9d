"""The whole application and people who talk to it, as in tests/app/api."""

from tests.app.api.conftest import address, ana, app, bruno, sign_up, system, visitor

__all__ = ["address", "ana", "app", "bruno", "sign_up", "system", "visitor"]
