"""Lines hold one event name and plain values; libraries' lines look the same."""

import json
import logging

import pytest
import structlog

from app import logs


@pytest.fixture(autouse=True)
def _restore():  # type: ignore[no-untyped-def]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_are_json_objects(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(format="json")
    structlog.get_logger().info("sealed", events=3)
    logging.getLogger("some.library").warning("it %s", "creaks")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["events"], first["level"]) == ("sealed", 3, "info")
    assert (second["event"], second["level"]) == ("it creaks", "warning")
    assert first["timestamp"].endswith("Z")


def test_less_severe_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(format="text", level="warning")
    structlog.get_logger().info("chatter")
    structlog.get_logger().warning("heard")
    assert "chatter" not in (err := capsys.readouterr().err)
    assert "heard" in err
