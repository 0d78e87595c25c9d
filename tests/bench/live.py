"""Live editing beside the servers that people would pick instead, one after the other, in one run.

`python -m tests.bench live [--tiny] [SCENARIO…]`. hocuspocus relays at once and stores two seconds
later; y-websocket and pycrdt-websocket store nothing; interlink shows nobody an edit before it is
committed. Latency is from key press to every other client's socket. PostgreSQL runs beside interlink,
and its share is shown both in and apart.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence

from tests.bench.live_scenarios import SCENARIOS, TINY, Figures, Hangs, Scenario
from tests.bench.live_servers import PEERS, SERVERS, install

OURS = ("interlink (y)", "interlink (h)")


def main(arguments: Sequence[str] = ()) -> None:
    """Print a table for each chosen scenario (all, if none is named); raises SystemExit for unknown ones."""
    known = TINY if "--tiny" in arguments else SCENARIOS
    chosen = [argument for argument in arguments if argument != "--tiny"] or list(known)
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"{', '.join(sorted(unknown))}: there is {', '.join(known)}")
    if not PEERS.exists():
        print(f"live: skipped, no load generator at {PEERS} (set INTERLINK_BENCH)")
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # servers and clients inherit it
    install()
    for name in chosen:
        _compare(known[name])


def _compare(scenario: Scenario) -> None:
    results: dict[str, Figures] = {}
    for server in SERVERS:
        if sys.stdout.isatty():
            print(f"  {scenario.title}: {server} …".ljust(100), end="\r", flush=True)
        figures = _figures(server, scenario)
        if isinstance(figures, str):
            print(f"{scenario.title}: {server}: {figures}".ljust(100))
        else:
            results[server] = figures
    for line in table(scenario.title, results):
        print(line)
    print(flush=True)


def _figures(server: str, scenario: Scenario) -> Figures | str:
    """What was measured, or in words why nothing was."""
    try:
        with SERVERS[server](persistent=scenario.persistent, **scenario.settings) as target:
            return scenario.measure(target)
    except Hangs:
        return "hangs, and is left out"
    except RuntimeError as error:
        return f"failed: {str(error).strip().splitlines()[-1]}"


def table(title: str, results: dict[str, Figures]) -> list[str]:
    """One line for each server, then ours divided by each peer's."""
    columns = list(next(iter(results.values()), {}))
    widths = [max(len(column), 9) + 2 for column in columns]
    first = max(len(title), 38) + 2

    def line(head: str, cells: Sequence[object]) -> str:
        return head.ljust(first) + "".join(
            str(cell).rjust(width) for cell, width in zip(cells, widths, strict=True)
        )

    lines = [line(title, columns)]
    lines += [line(server, [figures[column] for column in columns]) for server, figures in results.items()]
    for ours in OURS:
        for peer in results:
            if ours in results and peer not in OURS:
                cells = [_ratio(results[ours][column], results[peer][column]) for column in columns]
                lines.append(line(f"{ours} : {peer}", cells))
    return lines


def _ratio(ours: float | None, peer: float | None) -> str:
    return f"{ours / peer:.2f}" if ours is not None and peer else "-"
