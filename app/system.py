"""What commands, routes and pages work with; built once, in app/wiring.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.subscriptions.news import DeliveryNews

if TYPE_CHECKING:
    from app.authorization import Authorization
    from app.conversion.converter import Converter
    from app.database.postgres import Pool
    from app.documents.redis import RedisBus
    from app.events.access_log import AccessLog
    from app.past import Past
    from app.people import People
    from app.repository import Repository
    from app.settings import Settings
    from app.sign_in import SignIn
    from app.views import Views
    from domain.ports import EventLog
    from realtime.exchange import Exchanges
    from realtime.history.history import History
    from realtime.hub import Hub


@dataclass(frozen=True)
class System:
    """The running parts of one node."""

    settings: Settings
    pool: Pool
    log: EventLog
    repository: Repository
    authorization: Authorization
    people: People
    sign_in: SignIn
    views: Views
    hub: Hub
    exchanges: Exchanges
    history: History
    past: Past
    converter: Converter
    accesses: AccessLog
    bus: RedisBus | None = None  # None: this is the only node
    news: DeliveryNews = field(default_factory=DeliveryNews)
