"""From the parts of a request to typed values; everything that does not fit becomes a Problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect, Request

from app.http import consistency, strict_json
from app.http.problems import FieldError, Problem, of_fields
from domain.errors import NotFound

M = TypeVar("M", bound=BaseModel)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Input(BaseModel):
    """Base of what clients send: unknown members are refused, so that a typing error is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def read_path(parts: Mapping[str, type], given: Mapping[str, str]) -> dict[str, Any]:
    """The parts of a path as what they stand for; raises NotFound, since no such thing can exist."""
    return {name: _part(hint, given[name]) for name, hint in parts.items()}


def _part(hint: type, text: str) -> Any:
    if hint is UUID and _UUID.fullmatch(text):
        return UUID(text)
    if hint is int and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if hint is str:
        return text
    raise NotFound("no such thing")


def read_query(model: type[M], request: Request, *, waits: bool) -> M:
    """The query string as `model`; raises a Problem (422). `waits` leaves `after` to the waiting."""
    values: dict[str, Any] = {}
    many = _lists(model)
    for name, value in request.query_params.multi_items():
        if "\x00" in value:
            raise _wrong(name, "bad_characters", "no text holds U+0000")
        if waits and name == consistency.PARAMETER:
            continue
        if name in many:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise _wrong(name, "given_twice", "can be given once")
        else:
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise of_fields(error) from None


@cache
def _lists(model: type[BaseModel]) -> frozenset[str]:
    """The names of the parameters that may come more than once."""
    return frozenset(
        info.alias or name for name, info in model.model_fields.items() if get_origin(info.annotation) is list
    )


async def read_body(model: type[M], request: Request) -> tuple[M, bytes]:
    """The JSON body as `model`, and its canonical bytes; raises a Problem (413, 415, 422)."""
    _check_content_type(request)
    try:
        data = await request.body()
    except ClientDisconnect:
        raise Problem(400, "bad_request", "the body did not arrive whole") from None
    try:
        _, canonical = strict_json.parse(data)
    except strict_json.NotJson as error:
        raise Problem(422, "json_invalid", str(error)) from None
    try:
        return model.model_validate_json(canonical, strict=True), canonical
    except ValidationError as error:
        raise of_fields(error) from None


def _check_content_type(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind != "application/json" and not re.fullmatch(r"application/[\w.-]+\+json", kind):
        raise Problem(
            415, "wrong_content_type", "send application/json", headers={"Accept": "application/json"}
        )
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower().replace("-", "") not in ("utf8", "usascii"):
        raise Problem(415, "wrong_content_type", "send UTF-8")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(415, "wrong_content_type", "send the body as it is, not compressed")


def _wrong(name: str, code: str, message: str) -> Problem:
    return Problem(422, "invalid", "the query does not fit", [FieldError(name[:100], code, message)])
