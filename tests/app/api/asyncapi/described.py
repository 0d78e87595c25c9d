"""The document once, and what fits a place in it."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT7

from app.api.asyncapi.document import describe

ADDRESS = "https://parks.example.org"


@cache
def document() -> dict[str, Any]:
    """The document of an installation; not to be changed."""
    return describe(ADDRESS)


@cache
def _registry() -> Any:
    return Registry().with_resource("urn:asyncapi", DRAFT7.create_resource(document()))


def fits(place: str, value: Any) -> bool:
    """Whether a value is valid under the schema at a place (`#/…`)."""
    schema = {"$ref": f"urn:asyncapi{place}"}
    validator = Draft7Validator(schema, registry=_registry(), format_checker=FormatChecker())
    return bool(validator.is_valid(value))


def payload_fits(message: str, value: Any) -> bool:
    """Whether a value is the payload of a message."""
    return fits(f"#/components/messages/{message}/payload", value)


def messages_of(operation: str) -> list[str]:
    """The names of an operation's messages."""
    found = document()["operations"][operation]["messages"]
    return [reference["$ref"].rpartition("/")[2] for reference in found]
