"""What an operator's monitoring reads of the log's proofs: one number for each name, from whatever node."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.audit.figures import Figures
from app.audit.note import COSIGNATURE, Signer
from app.database.postgres import Pool

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def vkey(name: str, seed: int = 1) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Signer(name, key, COSIGNATURE).verifier.vkey


async def figures(pool: Pool, *witnesses: str) -> dict[tuple[str, str], float]:
    """Values by metric and label value, as Prometheus reads them; it takes no name twice."""
    registry = CollectorRegistry()
    registry.register(await Figures(pool, witnesses).prepare())
    text = generate_latest(registry).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    told = {
        (sample.name.removeprefix("interlink_"), *sample.labels.values()): sample.value for sample in found
    }
    assert len(told) == len(found)
    return {(name, "".join(label)): value for (name, *label), value in told.items()}


async def asked(pool: Pool, log: str, witness: str, *, ago: int, size: int, **more: object) -> None:
    """What is kept of a witness that was asked so many minutes ago."""
    row = {"log": log, "vkey": witness, "asked_at": NOW - timedelta(minutes=ago), "size": size, **more}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO witnesses ({', '.join(row)}) VALUES ({places})", *row.values())


async def test_what_there_is_to_tell(pool: Pool) -> None:
    assert await figures(pool) == {
        ("log_check_failed", ""): 0,
        ("log_checked_timestamp_seconds", ""): 0,
        ("time_stamp_timestamp_seconds", ""): 0,
    }, "of a new installation"
    await pool.execute("UPDATE log_head SET position = 100")
    await pool.execute("UPDATE self_check SET checked_at = $1, failure = 'x'", NOW)
    await asked(pool, "log", vkey("first.example"), ago=1, size=90)
    await asked(pool, "log", vkey("second.example"), ago=1, size=0, failures=3, refused=True)
    for root in (b"a", b"b"):
        await pool.execute("INSERT INTO refused_heads VALUES ('other', 7, $1, 'n', 3, 'n')", root)
    await pool.execute("INSERT INTO witnessed_heads VALUES ('other', 5, 'r', 'n')")
    await pool.execute("INSERT INTO log_keys (vkey) VALUES ('key')")
    await pool.execute("INSERT INTO checkpoints (size, vkey, root, note) VALUES (1, 'key', '', '')")
    for made_at in (NOW, NOW - timedelta(days=1)):
        await pool.execute("INSERT INTO time_stamps VALUES ('key', 1, $1, '')", made_at)
    assert await figures(pool, vkey("first.example"), vkey("second.example")) == {
        ("log_check_failed", ""): 1,
        ("log_checked_timestamp_seconds", ""): NOW.timestamp(),
        ("time_stamp_timestamp_seconds", ""): NOW.timestamp(),
        ("witness_cosigned_events", "first.example"): 90,
        ("witness_behind_events", "first.example"): 10,
        ("witness_failures", "first.example"): 0,
        ("witness_refused", "first.example"): 0,
        ("witness_cosigned_events", "second.example"): 0,
        ("witness_behind_events", "second.example"): 100,
        ("witness_failures", "second.example"): 3,
        ("witness_refused", "second.example"): 1,
        ("witnessed_events", "other"): 5,
        ("witnessed_refused_heads", "other"): 2,
    }


async def test_a_changed_key_gives_no_name_twice(pool: Pool) -> None:
    """Prometheus would refuse all figures of the installation."""
    await asked(pool, "our old key", vkey("w.example"), ago=60, size=9, refused=True)
    await asked(pool, "our new key", vkey("w.example"), ago=1, size=3)
    await asked(pool, "our new key", vkey("w.example", seed=2), ago=30, size=2)
    found = await figures(pool, vkey("w.example"), vkey("w.example", seed=2))
    assert (found["witness_cosigned_events", "w.example"], found["witness_refused", "w.example"]) == (3, 0)


async def test_who_is_asked_no_more_raises_no_alarm(pool: Pool) -> None:
    await asked(pool, "log", vkey("gone.example"), ago=1, size=3, failures=7, refused=True)
    await asked(pool, "log", vkey("kept.example"), ago=1, size=3)
    found = await figures(pool, vkey("kept.example"))
    assert {label for name, label in found if name.startswith("witness_")} == {"kept.example"}
