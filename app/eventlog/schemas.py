"""JSON Schemas (2020-12) of event payloads, one for each type and schema version.

The current version's schema follows from the event class. One that has been superseded can no
longer be derived: before a payload changes, its schema is kept as `retired/<type>.v<n>.json`
beside this file.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from domain.catalogue import EVENTS
from domain.errors import Invalid
from domain.registry import EventType, Registry, UnknownEventType

DIALECT = "https://json-schema.org/draft/2020-12/schema"
RETIRED = Path(__file__).parent / "retired"

Schema = Mapping[str, Any]


@with_config(ConfigDict(extra="forbid"))
class Attachment(TypedDict):
    """What a payload says of the bytes stored beside it."""

    sha256: str
    size: int


_BYTES = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "the bytes themselves; left out where they are not known",
}


class Schemas:
    """The schemas of a registry's types; `retired` is the folder of superseded ones."""

    def __init__(self, registry: Registry = EVENTS, *, retired: Path = RETIRED) -> None:
        self._registry = registry
        self._retired = retired
        self._adapters: dict[str, TypeAdapter[Any]] = {}

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Every type and version that the log may hold."""
        for entry in self._registry:
            for version in range(1, entry.schema_version + 1):
                yield entry.name, version

    def get(self, name: str, version: int) -> Schema:
        """The schema of a type and version; raises UnknownEventType."""
        entry = self._entry(name, version)
        if version == entry.schema_version:
            schema: dict[str, Any] = self._adapter(entry).json_schema()
        else:
            schema = json.loads((self._retired / f"{name}.v{version}.json").read_bytes())
        return {"$schema": DIALECT, "title": f"{name} v{version}"} | schema

    def sent(self, name: str, version: int, address: str) -> Schema:
        """The schema of a CloudEvent's `data`: the payload, with its attachment as `base64` in its member.

        `address` is the installation's; raises UnknownEventType.
        """
        found: dict[str, Any] = json.loads(json.dumps(self.get(name, version)))
        entry = self._registry[name]
        if entry.attachment_field:
            member = found["properties"][entry.attachment_field]
            if "$ref" in member:
                member = found["$defs"][member["$ref"].rpartition("/")[2]]
            member.setdefault("properties", {})["base64"] = _BYTES
        return {"$id": f"{address}/schemas/{name}/{version}.json", "description": meaning(entry)} | found

    def validate(self, name: str, version: int, payload: bytes) -> None:
        """Check payload bytes, brought to the current version; raises Invalid, UnknownEventType."""
        entry = self._entry(name, version)
        try:
            values = json.loads(payload)
            self._adapter(entry).validate_json(json.dumps(entry.upcast(values, version)), strict=True)
        except (ValidationError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise Invalid(f"this is no payload of {name} version {version}") from error

    def _entry(self, name: str, version: int) -> EventType:
        entry = self._registry[name]
        if not 1 <= version <= entry.schema_version:
            raise UnknownEventType(f"{name} version {version} is not known to this code")
        return entry

    def _adapter(self, entry: EventType) -> TypeAdapter[Any]:
        if entry.name not in self._adapters:
            self._adapters[entry.name] = TypeAdapter(_payload_type(entry))
        return self._adapters[entry.name]


def meaning(entry: EventType) -> str:
    """What a type means, as its class says in the docstring; a derived class has one made by machine."""
    for cls in entry.event_class.__mro__:
        if cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}("):
            return inspect.cleandoc(cls.__doc__)
    return ""


def _payload_type(entry: EventType) -> Any:
    fields: dict[str, Any] = dict(entry.payload_fields)
    if entry.attachment_field:
        fields[entry.attachment_field] = Attachment
    name = f"{entry.name} v{entry.schema_version}"
    return with_config(ConfigDict(extra="forbid"))(TypedDict(name, fields))  # type: ignore[operator]
