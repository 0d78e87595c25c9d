"""`make bench`: every figure in one run, each beside the peer it is held against."""

import os
import platform

import uvloop

from tests.bench import eventlog, live, projections

print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores\n")
uvloop.run(eventlog.main())
print()
uvloop.run(projections.main())
print()
live.main()
