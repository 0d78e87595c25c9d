"""`make bench`: every figure in one run, each beside the peer it is held against.

`python -m tests.bench NAME…` runs some of them; `live` may be followed by the scenarios to run.
"""

import os
import platform
import sys

import uvloop

from tests.bench import eventlog, live, loading, past, projections, streams, verify, webhooks

BENCHES = {
    "eventlog": lambda: uvloop.run(eventlog.main()),
    "projections": lambda: uvloop.run(projections.main()),
    "loading": lambda: uvloop.run(loading.main()),
    "past": lambda: uvloop.run(past.main()),
    "streams": lambda: uvloop.run(streams.main()),
    "webhooks": webhooks.main,
    "verify": verify.main,
    "live": lambda: live.main(scenarios),
}

chosen = sys.argv[1:] or list(BENCHES)
scenarios = chosen[1:] if chosen[0] == "live" else []
if scenarios:
    chosen = ["live"]
if unknown := set(chosen) - set(BENCHES):
    sys.exit(f"{', '.join(sorted(unknown))}: there is {', '.join(BENCHES)}")
print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
for name in chosen:
    print()
    BENCHES[name]()
