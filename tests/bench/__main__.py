"""`make bench`: every figure in one run, each beside the peer it is held against.

`python -m tests.bench NAME…` runs some of them.
"""

import os
import platform
import sys

import uvloop

from tests.bench import eventlog, live, loading, projections

BENCHES = {
    "eventlog": lambda: uvloop.run(eventlog.main()),
    "projections": lambda: uvloop.run(projections.main()),
    "loading": lambda: uvloop.run(loading.main()),
    "live": live.main,
}

chosen = sys.argv[1:] or list(BENCHES)
if unknown := set(chosen) - set(BENCHES):
    sys.exit(f"{', '.join(sorted(unknown))}: there is {', '.join(BENCHES)}")
print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
for name in chosen:
    print()
    BENCHES[name]()
