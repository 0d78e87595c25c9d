"""`make conformance`: who passes what, printed as a table. With --long also what takes minutes."""

import subprocess
import sys

from tests.nodejs import NODE, SCRIPTS, Node
from tests.serving import INTERLINK

Node()  # installs the foreign clients and servers, if they are not there
command = [NODE, SCRIPTS / "conformance" / "run.mjs", "--interlink", INTERLINK, *sys.argv[1:]]
sys.exit(subprocess.run(command, check=False).returncode)
