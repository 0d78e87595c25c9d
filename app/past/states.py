"""An aggregate's state as bytes and back, and as plain JSON values for readers.

Bytes are canonical JSON in which every value that JSON lacks names its type. Only the types listed here
are ever made of what was stored: an aggregate that holds anything else is replayed, never kept.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.catalogue import EVENTS
from domain.plan import Node
from domain.registry import dump
from domain.rights import Grant

_REVISION = "1"  # raise it when what `encode` writes means something else
_TYPE = "$"
_VALUES: dict[str, type] = {cls.__name__: cls for cls in (Node, Grant)}
_ENVELOPE = ("_id", "_version", "_created_on", "_modified_on", "_pending_events")


class NotKept(TypeError):
    """A state holds a value of a type that is not written to bytes."""


def code_of(*things: object, facts: object = ()) -> str:
    """Names the code that the modules of these classes or functions hold: 32 hex digits."""
    sources = [inspect.getsource(sys.modules[thing.__module__]) for thing in things]
    return hashlib.sha256(dump([_REVISION, sources, facts])).hexdigest()[:32]


def code_of_aggregate(cls: type[Aggregate]) -> str:
    """Names the code that gives an aggregate its state: its module, its values, its events' schemas."""
    schemas = sorted((entry.name, entry.schema_version) for entry in EVENTS if entry.aggregate_class is cls)
    return code_of(cls, *_VALUES.values(), facts=schemas)


def encode(aggregate: Aggregate) -> bytes:
    """The whole state; equal states give equal bytes. Raises NotKept."""
    state = {name: value for name, value in vars(aggregate).items() if name != "_pending_events"}
    return dump(_to_json(state))


def decode(cls: type[Aggregate], data: bytes) -> Aggregate:
    """The aggregate that `encode` wrote."""
    aggregate = cls.__new__(cls)
    vars(aggregate).update(_from_json(json.loads(data)), _pending_events=[])
    return aggregate


def plain(aggregate: Aggregate) -> dict[str, Any]:
    """What an aggregate says, as JSON values, without its id, version and times. Raises NotKept."""
    found = {name: _plain(value) for name, value in vars(aggregate).items() if name not in _ENVELOPE}
    return {name.lstrip("_"): value for name, value in sorted(found.items())}


def digest(state: Any) -> str:
    """SHA-256 of the canonical JSON of plain values, in hex: equal states, equal digests."""
    return hashlib.sha256(dump(state)).hexdigest()


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if type(value) in _VALUES.values():
        told = {field.name: _to_json(getattr(value, field.name)) for field in fields(value)}
        return {_TYPE: type(value).__name__, "of": told}
    for name, cls, write, _ in _WRITTEN:
        if isinstance(value, cls):  # the driver's UUIDs are of a class of its own
            return {_TYPE: name, "of": write(value)}
    raise NotKept(f"{type(value).__name__} is no part of a state")


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    name, told = value[_TYPE], value["of"]
    if name in _VALUES:
        return _VALUES[name](**{key: _from_json(inside) for key, inside in told.items()})
    return _READ[name](told)


def _ordered(values: Any) -> list[Any]:
    return sorted((_to_json(value) for value in values), key=dump)


def _each(told: list[Any]) -> list[Any]:
    return [_from_json(value) for value in told]


# A dictionary keeps its order, which may mean something: a list of pairs.
_WRITTEN: tuple[tuple[str, type, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    ("uuid", UUID, str, UUID),
    ("time", datetime, datetime.isoformat, datetime.fromisoformat),
    ("list", list, lambda found: [_to_json(value) for value in found], _each),
    ("tuple", tuple, lambda found: [_to_json(value) for value in found], lambda told: tuple(_each(told))),
    ("set", set, _ordered, lambda told: set(_each(told))),
    ("frozenset", frozenset, _ordered, lambda told: frozenset(_each(told))),
    (
        "dict",
        dict,
        lambda found: [[_to_json(key), _to_json(value)] for key, value in found.items()],
        lambda told: {_from_json(key): _from_json(value) for key, value in told},
    ),
)
_READ = {name: read for name, _, _, read in _WRITTEN}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inside) for inside in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(inside) for inside in value), key=dump)
    raise NotKept(f"{type(value).__name__} is no part of a state")
