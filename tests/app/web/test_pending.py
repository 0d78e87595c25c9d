"""The save indicator's bookkeeping, on real Yjs updates, in Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from app.web.bundle import DIST
from tests.nodejs import NODE

SCRIPT = Path(__file__).with_name("pending.mjs")


def test_saved_means_that_the_server_showed_it() -> None:
    done = subprocess.run(
        [NODE, "--no-warnings", SCRIPT, DIST.parent], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "13 checks"


def test_typescript_is_sound() -> None:
    tsc = DIST.parent / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [NODE, tsc, "--noEmit"], cwd=DIST.parent, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout
