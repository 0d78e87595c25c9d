"""How the log's own proofs are doing, for the operator: the self-check, witnesses, time stamps, in figures.

They come from the database, so that every node tells the same, and a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.audit.note import Verifier
from app.audit.witness_settings import parse_witnesses
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.system import System

_CHECK = """
SELECT extract(epoch FROM checked_at)::float8 AS at, failure IS NOT NULL AS failed FROM self_check
"""
# Of each name the row asked last: a log or a witness that changed its key has several.
_WITNESSES = """
SELECT DISTINCT ON (split_part(w.vkey, '+', 1))
    w.vkey, w.size, w.failures, w.refused, head.position - w.size AS behind
FROM witnesses AS w, log_head AS head WHERE w.vkey = ANY ($1)
ORDER BY split_part(w.vkey, '+', 1), w.asked_at DESC, w.vkey
"""
_WITNESSED = "SELECT origin, size FROM witnessed_heads ORDER BY origin"
_REFUSED = "SELECT origin, count(*) AS refused FROM refused_heads GROUP BY origin ORDER BY origin"
_STAMPED = "SELECT coalesce(extract(epoch FROM max(made_at)), 0)::float8 FROM time_stamps"

_OF_WITNESSES = {
    "size": ("cosigned_events", "Events of this log under the newest head that the witness cosigned"),
    "behind": ("behind_events", "Events of this log that the witness has not cosigned"),
    "failures": ("failures", "Requests since then that brought no cosignature"),
    "refused": ("refused", "1 if the witness says that it saw another log, else 0"),
}


class Figures(Collector):
    """Of one log, and of those witnesses (their verifier keys) that it asks now."""

    def __init__(self, pool: Pool, witnesses: Sequence[str] = ()) -> None:
        self._pool = pool
        self._asked = witnesses

    @classmethod
    def of(cls, system: System) -> Figures:
        """Those of this installation."""
        witnesses = parse_witnesses(system.settings.witnesses)
        return cls(system.pool, [witness.verifier.vkey for witness in witnesses])

    async def prepare(self) -> Figures:
        """Fetch them, before the synchronous collecting; raises Unavailable."""
        with unavailable_when_away():
            self._check = await self._pool.fetchrow(_CHECK)
            self._witnesses = await self._pool.fetch(_WITNESSES, self._asked)
            self._witnessed = await self._pool.fetch(_WITNESSED)
            self._refused = await self._pool.fetch(_REFUSED)
            self._stamped = await self._pool.fetchval(_STAMPED)
        return self

    def collect(self) -> Iterator[Metric]:
        """One family for each gauge."""
        assert self._check is not None  # the row is made with its table
        yield GaugeMetricFamily(
            "interlink_log_check_failed",
            "1 if the last self-check found the log changed, else 0",
            value=self._check["failed"],
        )
        yield GaugeMetricFamily(
            "interlink_log_checked_timestamp_seconds", "When that was; 0: never", value=self._check["at"]
        )
        for column, (name, meaning) in _OF_WITNESSES.items():
            family = GaugeMetricFamily(f"interlink_witness_{name}", meaning, labels=["witness"])
            for row in self._witnesses:
                family.add_metric([Verifier.from_vkey(row["vkey"]).name], row[column])
            yield family
        yield from self._of_others()
        yield GaugeMetricFamily(
            "interlink_time_stamp_timestamp_seconds", "Of the newest time stamp; 0: none", value=self._stamped
        )

    def _of_others(self) -> Iterator[Metric]:
        witnessed = GaugeMetricFamily(
            "interlink_witnessed_events", "Events under the head of another log cosigned last", labels=["log"]
        )
        for row in self._witnessed:
            witnessed.add_metric([row["origin"]], row["size"])
        refused = GaugeMetricFamily(
            "interlink_witnessed_refused_heads",
            "Heads of another log that did not continue what was cosigned",
            labels=["log"],
        )
        for row in self._refused:
            refused.add_metric([row["origin"]], row["refused"])
        yield from (witnessed, refused)
