"""A whole interlink in a process of its own, as an operator starts it; to be used, stopped or killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue

import httpx
import psutil

from tests.ports import kept_port

INTERLINK = Path(sys.executable).with_name("interlink")
START_LIMIT = 180  # seconds; a slow, shared machine included


class ServerProcess:
    """`interlink serve` over one DATA_DIR. `port` stays the same over restarts."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = kept_port(self)
        self._arguments = arguments
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self._clients = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and return once it says where it is; raises AssertionError with its output otherwise."""
        environment = {
            **os.environ,
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            **self._environment,
        }
        self._process = subprocess.Popen(
            [str(INTERLINK), "serve", *self._arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said: Queue[str] = Queue()
        threading.Thread(target=self._listen, args=(self._process, said), daemon=True).start()
        while True:
            try:
                line = said.get(timeout=START_LIMIT)
            except Empty:
                line = ""
            if match := re.search(r"is at http://[^ ]*:(\d+)", line):
                self.port = int(match[1])
                return
            assert line, "the server did not start:\n" + "".join(self.lines[-50:])

    def _listen(self, process: subprocess.Popen[str], said: Queue[str]) -> None:
        assert process.stdout is not None
        with process.stdout as stdout:
            for line in stdout:
                self.lines.append(line)
                said.put(line)
        said.put("")

    def kill(self) -> None:
        """As a power cut would end it (its PostgreSQL goes on)."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=120)

    def postgres(self) -> psutil.Process:
        """The embedded PostgreSQL's main process."""
        lines = (self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        return psutil.Process(int(lines[0]))

    def kill_postgres(self) -> None:
        """As the kernel out of memory would end it: at once, with all its children."""
        kill_family(self.postgres())

    def client(self, email: str = "ilze@example.org", name: str = "Ilze") -> httpx.Client:
        """An HTTP client signed in as this person, by access token."""
        body = {"email": email, "name": name, "language": "en"}
        answer = httpx.post(f"{self.url}/auth/demo", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        token = answer.json()["token"]
        client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        return self._clients.enter_context(client)

    def end(self) -> None:
        """Stop what still runs, its PostgreSQL too, and close the clients."""
        self._clients.close()
        if self._process is not None and self._process.poll() is None:
            self.stop()
        end_postgres(self.data_dir)


def kill_family(main: psutil.Process) -> None:
    """Kill a PostgreSQL and its children; returns once all have ended."""
    family = [main, *main.children()]
    for process in family:
        with suppress(psutil.NoSuchProcess):  # it saw that its parent was gone, or its work was done
            process.kill()
    deadline = time.monotonic() + 60
    while not all(_dead(process) for process in family):
        assert time.monotonic() < deadline, "PostgreSQL did not die"
        time.sleep(0.01)


def _dead(process: psutil.Process) -> bool:
    """Whether it has ended, even if nobody has asked yet how."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@contextmanager
def served(data_dir: Path, *arguments: str, **environment: str) -> Iterator[ServerProcess]:
    """A started server, ended with its database at the end of the block whatever happened."""
    server = ServerProcess(data_dir, *arguments, **environment)
    server.start()
    try:
        yield server
    finally:
        server.end()


def end_postgres(data_dir: Path) -> None:
    """End an embedded PostgreSQL that a killed server left running."""
    try:
        pid = int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if process.name() == "postgres":  # else it is gone, and its id another program's
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    except (FileNotFoundError, psutil.NoSuchProcess, IndexError):
        return
