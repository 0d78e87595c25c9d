"""Tests of live documents run on virtual time: what they await comes however slow the machine is, and
what must not come yet has not come because it happened to be slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.realtime.virtual_time import VirtualLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("machine_time"):
        return {"machine": asyncio.SelectorEventLoop}
    return {"virtual": VirtualLoop}
