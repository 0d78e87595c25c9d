"""Sessions, access tokens, tickets: what opens, what does not, and what the database holds."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database.postgres import Pool
from app.sign_in import SCOPES, SESSION_LIFE, TOKENS_PER_PERSON, SignIn, Ticket
from domain.errors import Conflict, Invalid, NotFound, Unavailable
from tests.builders import KEY

INSERT = "INSERT INTO persons (id, email, name, language, colour) VALUES ($1, $2, 'Ilze', 'lv', '#000000')"


@pytest.fixture
def sign_in(pool: Pool) -> SignIn:
    return SignIn(pool, KEY)


@pytest.fixture
async def ilze(pool: Pool) -> UUID:
    return await person(pool)


async def person(pool: Pool) -> UUID:
    id = uuid4()
    await pool.execute(INSERT, id, f"{id}@example.org")
    return id


async def test_a_session_is_known_by_its_cookie(sign_in: SignIn, ilze: UUID) -> None:
    cookie, principal = await sign_in.open_session(ilze)
    assert (principal.person, principal.kind, principal.scopes) == (ilze, "session", SCOPES)
    assert principal.csrf
    assert principal.session
    assert await sign_in.session(cookie) == principal


async def test_each_session_has_a_csrf_token_of_its_own(sign_in: SignIn, ilze: UUID) -> None:
    _, first = await sign_in.open_session(ilze)
    cookie, second = await sign_in.open_session(ilze)
    assert first.csrf != second.csrf
    assert second.csrf not in cookie


async def test_a_closed_session_is_over_and_others_go_on(sign_in: SignIn, ilze: UUID) -> None:
    cookie, _ = await sign_in.open_session(ilze)
    other, _ = await sign_in.open_session(ilze)
    await sign_in.close_session(cookie)
    await sign_in.close_session(cookie)
    assert await sign_in.session(cookie) is None
    assert await sign_in.session(other) is not None


async def test_only_the_right_secret_opens_or_closes_a_session(sign_in: SignIn, ilze: UUID) -> None:
    cookie, _ = await sign_in.open_session(ilze)
    for index in range(16, 48):
        data = bytearray(base64.urlsafe_b64decode(cookie))
        data[index] ^= 1
        forged = base64.urlsafe_b64encode(bytes(data)).decode()
        assert await sign_in.session(forged) is None
        await sign_in.close_session(forged)
    assert await sign_in.session(cookie) is not None


async def test_a_session_slides_and_then_expires(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    cookie, _ = await sign_in.open_session(ilze)
    await pool.execute(
        "UPDATE sessions SET last_seen_at = now() - interval '2 minutes',"
        " expires_at = now() + interval '1 hour'"
    )
    assert await sign_in.session(cookie)
    seen, expires = await pool.fetchrow("SELECT now() - last_seen_at, expires_at - now() FROM sessions")
    assert seen < timedelta(seconds=30)
    assert expires > SESSION_LIFE - timedelta(minutes=1)
    await pool.execute("UPDATE sessions SET expires_at = now()")
    assert await sign_in.session(cookie) is None


async def test_last_seen_is_written_once_a_minute(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    cookie, _ = await sign_in.open_session(ilze)
    in_time = False
    while not in_time:  # on a busy machine the minute may be over before the session is asked for
        before = await pool.fetchval(
            "UPDATE sessions SET last_seen_at = now() - interval '59 seconds' RETURNING last_seen_at"
        )
        assert await sign_in.session(cookie)
        seen, in_time = await pool.fetchrow(
            "SELECT last_seen_at, now() - $1 < interval '1 minute' FROM sessions", before
        )
    assert seen == before


async def test_opening_a_session_forgets_expired_ones(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    await sign_in.open_session(ilze)
    await pool.execute("UPDATE sessions SET expires_at = now()")
    _, principal = await sign_in.open_session(ilze)
    assert [row["id"] for row in await pool.fetch("SELECT id FROM sessions")] == [principal.session]


async def test_unknown_people_get_nothing(sign_in: SignIn) -> None:
    with pytest.raises(NotFound):
        await sign_in.open_session(uuid4())
    with pytest.raises(NotFound):
        await sign_in.create_token(uuid4(), name="ci", scopes=["read"], expires=None)


async def test_a_token_is_known_by_its_secret_with_its_scopes(sign_in: SignIn, ilze: UUID) -> None:
    id, secret = await sign_in.create_token(ilze, name=" my  script ", scopes=["write", "read"], expires=None)
    principal = await sign_in.bearer(secret)
    assert principal is not None
    assert (principal.person, principal.kind, principal.scopes) == (ilze, "token", {"read", "write"})
    assert (principal.csrf, principal.session) == (None, None)
    assert secret.startswith("ilk_")
    assert await sign_in.bearer(secret.removeprefix("ilk_")) is None
    [info] = await sign_in.tokens(ilze)
    assert (info.id, info.name, info.scopes) == (id, "my script", {"read", "write"})


async def test_only_the_owner_revokes_and_then_it_is_over(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    id, secret = await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=None)
    with pytest.raises(NotFound):
        await sign_in.revoke_token(await person(pool), id)
    assert await sign_in.bearer(secret) is not None
    await sign_in.revoke_token(ilze, id)
    assert await sign_in.bearer(secret) is None
    assert await sign_in.tokens(ilze) == []
    with pytest.raises(NotFound):
        await sign_in.revoke_token(ilze, id)


async def test_an_expired_token_opens_nothing(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    _, secret = await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=soon)
    assert await sign_in.bearer(secret) is not None
    await pool.execute("UPDATE access_tokens SET expires_at = now()")
    assert await sign_in.bearer(secret) is None


async def test_last_used_is_written_once_a_minute(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    _, secret = await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=None)
    assert (await sign_in.tokens(ilze))[0].last_used_at is None
    await sign_in.bearer(secret)
    first = (await sign_in.tokens(ilze))[0].last_used_at
    assert first is not None
    await sign_in.bearer(secret)
    assert (await sign_in.tokens(ilze))[0].last_used_at == first
    await pool.execute("UPDATE access_tokens SET last_used_at = last_used_at - interval '61 seconds'")
    await sign_in.bearer(secret)
    assert (await sign_in.tokens(ilze))[0].last_used_at > first


async def test_unfit_tokens_are_refused(sign_in: SignIn, ilze: UUID) -> None:
    for scopes in ([], ["read", "everything"]):
        with pytest.raises(Invalid):
            await sign_in.create_token(ilze, name="ci", scopes=scopes, expires=None)
    for expires in (datetime.now(UTC) - timedelta(seconds=1), datetime(2999, 1, 1)):
        with pytest.raises(Invalid):
            await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=expires)
    with pytest.raises(Invalid):
        await sign_in.create_token(ilze, name=" ", scopes=["read"], expires=None)
    assert await sign_in.tokens(ilze) == []


async def test_tokens_of_one_person_are_limited(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    id, _ = await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=None)
    await pool.execute(
        "INSERT INTO access_tokens (id, secret_hash, person, name, scopes) "
        "SELECT gen_random_uuid(), '', $1, 'x', '{read}' FROM generate_series(2, $2)",
        ilze,
        TOKENS_PER_PERSON,
    )
    with pytest.raises(Conflict):
        await sign_in.create_token(ilze, name="one more", scopes=["read"], expires=None)
    await sign_in.revoke_token(ilze, id)
    await sign_in.create_token(ilze, name="instead", scopes=["read"], expires=None)


async def test_the_database_holds_no_secret(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    cookie, principal = await sign_in.open_session(ilze)
    _, token = await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=None)
    rows = await pool.fetch("SELECT s::text FROM sessions s UNION ALL SELECT t::text FROM access_tokens t")
    held = " ".join(row[0] for row in rows)
    assert principal.csrf
    for secret in (cookie[22:], token[26:], principal.csrf):
        assert secret not in held
    for secret in (cookie, token.removeprefix("ilk_")):
        assert base64.urlsafe_b64decode(secret)[16:].hex() not in held


HOSTILE = ("", "a", "ilk_", "é" * 64, "=" * 64, "A" * 10_000, "a\x00" * 32, " " * 68, "A" * 63 + "\n")


async def test_hostile_secrets_open_nothing(sign_in: SignIn) -> None:
    for hostile in HOSTILE:
        assert await sign_in.session(hostile) is None
        assert await sign_in.bearer(hostile) is None
        assert await sign_in.bearer("ilk_" + hostile) is None
        await sign_in.close_session(hostile)


async def test_what_has_ended_is_named(sign_in: SignIn, ilze: UUID, pool: Pool) -> None:
    cookie, session = await sign_in.open_session(ilze)
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = [
        await sign_in.create_token(ilze, name="t", scopes=["live"], expires=expires)
        for expires in (None, soon, soon)
    ]
    assert session.session is not None
    given, unknown = [session.session, *(id for id, _ in made)], uuid4()
    assert await sign_in.ended([*given, unknown]) == [unknown]
    principal = await sign_in.bearer(made[1][1])
    assert principal is not None
    assert (principal.token, principal.expires) == (made[1][0], soon)
    await sign_in.close_session(cookie)
    await sign_in.revoke_token(ilze, made[0][0])
    await pool.execute("UPDATE access_tokens SET expires_at = now() WHERE id = $1", made[1][0])
    assert set(await sign_in.ended(given)) == set(given[:3])


async def test_a_database_that_is_away_is_unavailable(sign_in: SignIn, pool: Pool, ilze: UUID) -> None:
    cookie, _ = await sign_in.open_session(ilze)
    _, secret = await sign_in.create_token(ilze, name="ci", scopes=["read"], expires=None)
    await pool.close()
    for call in (
        sign_in.session(cookie),
        sign_in.bearer(secret),
        sign_in.tokens(ilze),
        sign_in.open_session(ilze),
    ):
        with pytest.raises(Unavailable):
            await call


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 4, 12, 0, 0, 600_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def without_database(clock: Clock | None = None, key: bytes = KEY) -> SignIn:
    return SignIn(None, key, clock=clock or Clock())  # type: ignore[arg-type]


def test_a_ticket_tells_who_asks_for_one_hour() -> None:
    clock, ilze, document = Clock(), uuid4(), uuid4()
    sign_in = without_database(clock)
    token, expires = sign_in.ticket(ilze, document)
    assert expires == datetime(2026, 3, 4, 13, 0, 0, tzinfo=UTC)
    clock.now = expires - timedelta(microseconds=1)
    assert sign_in.read_ticket(token, document) == Ticket(ilze, expires, None, may_write=True)
    clock.now = expires
    assert sign_in.read_ticket(token, document) is None


def test_a_ticket_allows_no_more_than_what_it_was_got_with() -> None:
    ilze, document, credential = uuid4(), uuid4(), uuid4()
    sign_in = without_database()
    token, expires = sign_in.ticket(ilze, document, credential=credential, may_write=False)
    assert sign_in.read_ticket(token, document) == Ticket(ilze, expires, credential, may_write=False)


def test_a_ticket_opens_its_own_document_only_and_under_its_own_key() -> None:
    ilze, document = uuid4(), uuid4()
    token, _ = without_database().ticket(ilze, document)
    assert without_database().read_ticket(token, uuid4()) is None
    assert without_database(key=b"another").read_ticket(token, document) is None


def test_no_changed_ticket_opens_anything() -> None:
    ilze, document = uuid4(), uuid4()
    sign_in = without_database()
    token, _ = sign_in.ticket(ilze, document)
    for index, character in enumerate(token):
        changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        assert sign_in.read_ticket(changed, document) is None
    assert sign_in.read_ticket(token + "A", document) is None
    assert sign_in.read_ticket(token[:-1], document) is None


@given(
    st.one_of(
        st.text(max_size=200), st.text(min_size=120, max_size=120), st.binary(max_size=150).map(bytes.hex)
    )
)
def test_hostile_tickets_never_raise(token: str) -> None:
    assert without_database().read_ticket(token, UUID(int=1)) is None
