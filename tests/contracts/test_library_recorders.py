"""The eventsourcing library's own suites for recorders, run on our log.

Tracking is not the log's: a view keeps its position in its own tables. It takes part here as the
work that goes alongside an append, in a table of the test's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.tests import persistence as suites

from tests.contracts.recorder import LogRecorder, log_recorder


class _OnOurLog:
    """Gives a suite a recorder on an empty database of its own."""

    INITIAL_VERSION = 0

    @pytest.fixture(autouse=True)
    def _recorder(self, blank_database: str) -> Iterator[None]:
        with log_recorder(blank_database, first=self.INITIAL_VERSION) as recorder:
            self.recorder = recorder
            yield

    def create_recorder(self) -> LogRecorder:
        return self.recorder


class WithoutPositions:
    """A recorder of aggregates alone tells no positions."""

    def __init__(self, recorder: LogRecorder) -> None:
        self._recorder = recorder
        self.select_events = recorder.select_events

    def insert_events(self, stored_events: Sequence[StoredEvent]) -> None:
        self._recorder.insert_events(stored_events)


class TestAggregateRecorder(_OnOurLog, suites.AggregateRecorderTestCase):
    def create_recorder(self) -> WithoutPositions:  # type: ignore[override]
        return WithoutPositions(self.recorder)


class TestApplicationRecorder(_OnOurLog, suites.ApplicationRecorderTestCase[LogRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(_OnOurLog, suites.NonInterleavingNotificationIDsBaseCase):
    pass


class TestTrackingRecorder(_OnOurLog, suites.TrackingRecorderTestCase):
    pass


class TestProcessRecorder(_OnOurLog, suites.ProcessRecorderTestCase):
    INITIAL_VERSION = 1  # what this suite writes, but for its performance test

    def test_performance(self) -> None:
        self.recorder._shift = 1
        super().test_performance()
