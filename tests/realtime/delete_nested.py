"""Deletes an element that nests to a depth, given as argument, under the stacks that a server has."""

import sys

from app.server import deepen_stacks
from realtime.crdt import Replica
from realtime.wire import delete_set, sized, varuint

CLIENT = 1


def nested(levels: int) -> bytes:
    """An update that puts an element into each element."""
    element = varuint(3) + sized(b"p")
    first = b"\x07" + varuint(1) + sized(b"x") + element
    inner = (b"\x07" + varuint(0) + varuint(CLIENT) + varuint(i) + element for i in range(levels - 1))
    return varuint(1) + varuint(levels) + varuint(CLIENT) + varuint(0) + first + b"".join(inner) + b"\x00"


deepen_stacks()
replica = Replica()
replica.apply(nested(int(sys.argv[1])))
replica.apply(varuint(0) + delete_set([(CLIENT, 0, 1)]))
assert len(replica.state()) < 1000
print("deleted")
