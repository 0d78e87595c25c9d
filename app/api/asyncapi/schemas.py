"""JSON Schemas as AsyncAPI takes them: draft 07, every reference leading to a place in the document."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from app.api.events import CloudEvent
from app.events.filters import DEPTH, EXPRESSIONS, TEXT

PREFIX = "#/components/schemas/"
POSITION: dict[str, Any] = {"type": "integer", "minimum": 0}


def ref(name: str) -> dict[str, Any]:
    """A reference to one of the shared schemas."""
    return {"$ref": f"{PREFIX}{name}"}


def inlined(schema: Any) -> dict[str, Any]:
    """A schema without definitions of its own: each reference to one is replaced by what it stands for."""
    found: dict[str, Any] = json.loads(json.dumps(schema))
    definitions = found.pop("$defs", {})
    for name in ("$schema", "$id"):
        found.pop(name, None)

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith("#/$defs/"):
            return resolved(definitions[target.removeprefix("#/$defs/")])
        return {key: resolved(item) for key, item in value.items()}

    return dict(resolved(found))


def of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of what clients send as this model."""
    return inlined(model.model_json_schema(mode="validation"))


def shared() -> dict[str, Any]:
    """What messages of more than one way have in common."""
    return {
        "CloudEvent": _attributes(),
        "Filter": {
            "description": (
                f"Expressions that must all hold, nested at most {DEPTH} deep, {EXPRESSIONS} in all"
            ),
            "type": "array",
            "items": ref("Expression"),
            "maxItems": EXPRESSIONS,
        },
        "Expression": _expression(),
    }


def _attributes() -> dict[str, Any]:
    """The CloudEvent as it is sent: an attribute without a value is left out, never null."""
    found = of(CloudEvent)
    for member in found["properties"].values():
        kinds = [kind for kind in member.pop("anyOf", []) if kind != {"type": "null"}]
        member.update(kinds[0] if kinds else {})
        member.pop("default", None)
    found["properties"]["dataref"] = {
        "type": "string",
        "format": "uri",
        "description": "Instead of `data`: where the event may be read, with the reader's own rights",
    }
    found["required"].remove("data")
    return found


def _expression() -> dict[str, Any]:
    """The filter dialects of CloudEvents Subscriptions 1.0."""
    texts = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": TEXT},
    }
    several = {"type": "array", "items": ref("Expression"), "minItems": 1}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(("exact", "prefix", "suffix"), texts),
            **dict.fromkeys(("all", "any"), several),
            "not": ref("Expression"),
        },
    }
