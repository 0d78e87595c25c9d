"""The one composition root: settings in, a running System out, and everything stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import structlog

from app.audit.checkpoints import sign_heads, thin_hourly
from app.audit.cosigning import cosign_heads
from app.audit.self_check import check_daily
from app.audit.timestamps import stamp_daily
from app.authorization import Authorization
from app.background import background
from app.conversion.converter import Converter
from app.data_dir import is_served
from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import connect_pool
from app.database.rights import application_role
from app.documents.checkup import Checkup
from app.documents.postgres import PostgresDocumentStore
from app.documents.states import DocumentStates
from app.eventlog.postgres import PostgresEventLog
from app.events.access_log import AccessLog
from app.live import watch_rights, watch_sign_ins
from app.past import Past
from app.people import People
from app.privacy.erasure import carry_out, follow
from app.privacy.periods import periods
from app.privacy.retention import retain_daily
from app.repository import Repository
from app.settings import ConfigurationError, Settings
from app.sign_in import SignIn
from app.subscriptions.feeding import Feeder
from app.subscriptions.sending import send_webhooks
from app.system import System
from app.views import Views
from realtime.exchange import Exchanges
from realtime.history.history import History
from realtime.hub import Hub

if TYPE_CHECKING:
    from app.documents.redis import RedisBus

log = structlog.get_logger(__name__)


@asynccontextmanager
async def database(settings: Settings, *, keep_running: bool = False) -> AsyncIterator[str]:
    """The URL of a running, migrated database: DATABASE_URL, or the embedded server.

    An embedded server that was started here is stopped at the end, unless an interlink serves from
    it by then. `keep_running` also starts it again should it die. Raises ConfigurationError,
    EmbeddedPostgresFailed, SchemaTooNew.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
            await _check_reachable(url)
        else:
            embedded = EmbeddedPostgres(settings.data_dir / "postgres")
            url = await asyncio.to_thread(embedded.start)
            stack.push_async_callback(_stop, embedded, settings, keep_running)
            if keep_running:
                await stack.enter_async_context(background(embedded.watch()))
        await migrate(url)
        yield url


@asynccontextmanager
async def system(settings: Settings, url: str, *, sends: bool = True) -> AsyncIterator[System]:
    """All parts, started, on a migrated database; stopped in the reverse order.

    Unless it `sends`, nothing leaves the house: no subscription is fed, no webhook delivered.
    """
    async with AsyncExitStack() as stack:
        pool = await connect_pool(url, role=await application_role(url))
        stack.push_async_callback(_close, pool)
        log_ = PostgresEventLog(pool)
        await log_.start()
        stack.push_async_callback(log_.stop)
        views = Views(pool, log_, url)
        await views.start()
        stack.push_async_callback(views.stop)
        store = PostgresDocumentStore(pool, log_)
        bus = await _bus(settings, stack)
        hub = Hub(store, limits=settings.live, bus=bus)
        await hub.start()
        stack.push_async_callback(hub.stop)
        accesses = AccessLog(log_)
        await stack.enter_async_context(accesses.writing())
        repository = Repository(log_)
        people = People(pool, log_)
        result = System(
            settings=settings,
            pool=pool,
            log=log_,
            repository=repository,
            authorization=Authorization(repository),
            people=people,
            sign_in=SignIn(pool, settings.signing_key()),
            views=views,
            hub=hub,
            bus=bus,
            exchanges=Exchanges(hub, settings.live),
            history=History(store, DocumentStates(pool)),
            past=Past(pool, log_),
            converter=Converter(settings.conversion),
            accesses=accesses,
        )
        for work in _work(result, url, sends):
            await stack.enter_async_context(background(work))
        yield result


def _work(system: System, url: str, sends: bool) -> list[Coroutine[object, object, None]]:
    """What goes on in the background, in the order in which it is begun."""
    sending = [send_webhooks(system), Feeder(system, url).run()] if sends else []
    return [
        watch_rights(system),
        watch_sign_ins(system),
        *sending,
        follow(system),
        carry_out(system),
        retain_daily(system, periods(system.settings.retention)),
        system.news.run(url, system.pool, system.sign_in.ended),
        sign_heads(system),
        cosign_heads(system),
        check_daily(system),
        thin_hourly(system),
        stamp_daily(system),
    ]


@asynccontextmanager
async def checkup(settings: Settings) -> AsyncIterator[Checkup]:
    """What checks stored documents; nothing else runs."""
    async with database(settings) as url:
        pool = await connect_pool(url)
        try:
            yield Checkup(pool, PostgresEventLog(pool))
        finally:
            await _close(pool)


async def _bus(settings: Settings, stack: AsyncExitStack) -> RedisBus | None:
    """What joins this node to others, on its way up; a Redis that is away is no reason not to start."""
    if settings.redis_url is None:
        return None
    from app.documents.redis import RedisBus  # takes longer to import than most else; for several nodes only

    if settings.public_url is None:
        log.warning("events name this node as their source: set PUBLIC_URL, the same on every node")
    bus = RedisBus(settings.redis_url.get_secret_value(), settings.signing_key())
    await bus.start()
    stack.push_async_callback(bus.stop)
    return bus


async def _check_reachable(url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=10)
        await connection.close()
    except (ValueError, OverflowError):  # what these say may quote a part of the password
        raise ConfigurationError("DATABASE_URL: is no URL of PostgreSQL (write / as %2F, # as %23)") from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigurationError(f"DATABASE_URL: no PostgreSQL answers there: {reason}") from None


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _stop(embedded: EmbeddedPostgres, settings: Settings, serving: bool) -> None:
    if serving or (embedded.started_here and not is_served(settings.data_dir)):
        await asyncio.to_thread(embedded.stop)
