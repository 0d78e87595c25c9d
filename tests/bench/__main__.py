"""`make bench`: every figure in one run, each beside the peer it is held against."""

import asyncio
import os
import platform

from tests.bench import eventlog, live, projections

print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores\n")
asyncio.run(eventlog.main())
print()
asyncio.run(projections.main())
print()
live.main()
