"""How long payloads are kept, as written by operators."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.privacy.periods import periods
from app.settings import ConfigurationError, load


def test_periods_are_read() -> None:
    assert periods("") == {}
    assert periods("access.recorded=P1Y, document.version_named=P2W,") == {
        "access.recorded": timedelta(days=365),
        "document.version_named": timedelta(days=14),
    }


@pytest.mark.parametrize(
    "text",
    [
        "document.edited=P1Y",
        "nothing.known=P1Y",
        "access.recorded",
        "access.recorded=1Y",
        "access.recorded=P0D",
        "access.recorded=P1Y2M",
        "access.recorded=P٣D",
        "access.recorded=P101Y",
        "access.recorded=P1Y,access.recorded=P2Y",
    ],
)
def test_what_is_no_period_ends_the_start_with_one_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^RETENTION: .") as refused:
        load({"RETENTION": text})
    assert "\n" not in str(refused.value)
