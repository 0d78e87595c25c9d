"""Real input that lies beside the project, not in it. Absent on somebody's own machine: tests that need
it are skipped; absent in CI: they fail and say so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("INTERLINK_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")


def trace(name: str) -> Path:
    """An editing trace, as published in josephg/editing-traces (CC BY 4.0)."""
    return _there(DATA / "traces" / name)


def _there(path: Path) -> Path:
    if not path.exists():
        message = f"test data is missing: {path.name} (set INTERLINK_TEST_DATA)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
