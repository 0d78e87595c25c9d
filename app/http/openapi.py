"""OpenAPI 3.1 from the endpoints' own declarations, and the same as a page for people."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from starlette.routing import BaseRoute, Route

from app.http import consistency, idempotency
from app.http.endpoint import Endpoint, Resource
from app.http.problems import MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_STRING: dict[str, Any] = {"type": "string"}
_POSITION: dict[str, Any] = {"type": "integer", "minimum": 0}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A refusal, after RFC 9457. `code` is stable; `errors` names fields.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _STRING,
        "status": {"type": "integer"},
        "code": _STRING,
        "detail": _STRING,
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": _STRING, "code": _STRING, "message": _STRING},
                "required": ["field", "code", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_REFUSALS = {
    401: "Nobody is signed in, or the access token is not good",
    403: "A right, a scope, or the CSRF token is missing",
    404: "No such thing, or you may not know that it exists",
    409: "The thing is not in the state that this needs",
    413: "The body is too large",
    415: "The body is of another content type than this takes",
    422: "The request does not fit; `errors` names what",
    503: "Cannot be done just now; try again after Retry-After seconds",
}


def endpoints_of(routes: Iterable[BaseRoute]) -> list[Endpoint]:
    """The endpoints behind these routes, in their order."""
    resources = [route.app for route in routes if isinstance(route, Route)]
    return [e for found in resources if isinstance(found, Resource) for e in found.endpoints.values()]


def describe(endpoints: Iterable[Endpoint], address: str) -> dict[str, Any]:
    """The OpenAPI document of these endpoints, served at `address`."""
    found = list(endpoints)
    schemas = _Schemas(found)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in found:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "interlink",
            "version": version("interlink"),
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        },
        "servers": [{"url": address}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM, **schemas.definitions},
            "responses": {
                str(status): {
                    "description": text,
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for status, text in _REFUSALS.items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A personal access token"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "interlink_session",
                    "description": "Unsafe requests also need X-CSRF-Token",
                },
            },
        },
    }


class _Schemas:
    """All types that the endpoints take and give, as one set of definitions."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        inputs: dict[type[BaseModel], None] = {}
        outputs: list[Any] = []
        for e in endpoints:
            inputs |= dict.fromkeys(model for model in (e.body, e.query) if model is not None)
            shown = (_result(e), *e.produces.values(), *e.consumes.values())
            outputs += [kind for kind in shown if kind is not None]
        adapters = {repr(kind): TypeAdapter(kind) for kind in outputs}
        wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
            (name, "serialization", adapter) for name, adapter in adapters.items()
        ]
        wanted += [(repr(model), "validation", TypeAdapter(model)) for model in inputs]
        found, shared = TypeAdapter.json_schemas(wanted, ref_template=_REF)
        self.definitions: dict[str, Any] = shared.get("$defs", {})
        self._found = {key: value for (key, _), value in found.items()}

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of a type, mostly a reference; of None, one that tells nothing."""
        return {} if kind is None else self._found[repr(kind)]

    def members(self, model: type[BaseModel]) -> tuple[dict[str, Any], list[str]]:
        """The properties of a model, and which are required."""
        schema = self.of(model)
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        return schema.get("properties", {}), schema.get("required", [])


def _result(endpoint: Endpoint) -> Any:
    return endpoint.result if endpoint.sends_json else None


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    noun = endpoint.handler.__module__.rpartition(".")[2]
    operation: dict[str, Any] = {
        "operationId": f"{noun}_{endpoint.handler.__name__.strip('_')}",
        "summary": endpoint.summary,
        "description": (endpoint.handler.__doc__ or "").strip(),
        "tags": [noun],
        "parameters": [*_path(endpoint), *_query(endpoint, schemas), *_headers(endpoint)],
        "responses": _responses(endpoint, schemas),
        "security": [] if endpoint.scope is None else [{"token": []}, {"session": []}],
    }
    if endpoint.scope is not None:
        operation["x-scope"] = endpoint.scope
    if endpoint.body is not None:
        content = {"application/json": {"schema": schemas.of(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.consumes:
        content = {kind: {"schema": schemas.of(type_)} for kind, type_ in endpoint.consumes.items()}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path(endpoint: Endpoint) -> list[dict[str, Any]]:
    kinds = {UUID: {"type": "string", "format": "uuid"}, int: _POSITION}
    return [
        {"name": name, "in": "path", "required": True, "schema": kinds.get(hint, _STRING)}
        for name, hint in endpoint.parts.items()
    ]


def _query(endpoint: Endpoint, schemas: _Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if endpoint.query is not None:
        properties, required = schemas.members(endpoint.query)
        found = [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in properties.items()
        ]
    if endpoint.waits:
        text = "The answer takes in everything up to this position"
        found.append({"name": "after", "in": "query", "description": text, "schema": _POSITION})
    return found


def _headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.waits:
        text = "The answer takes in everything up to this position"
        return [{"name": consistency.HEADER, "in": "header", "description": text, "schema": _POSITION}]
    if endpoint.method != "GET" and endpoint.scope is not None:
        text = "Sent again with the same key, the request is carried out once"
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        return [{"name": idempotency.HEADER, "in": "header", "description": text, "schema": schema}]
    return []


def _responses(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done" if endpoint.method != "GET" else "Found"}
    content = {kind: {"schema": schemas.of(type_)} for kind, type_ in endpoint.produces.items()}
    if endpoint.sends_json:
        content["application/json"] = {"schema": schemas.of(endpoint.result)}
    if content:
        answer["content"] = content
    refused = {404, 503}
    if endpoint.scope is not None:
        refused |= {401, 403}
    if endpoint.method != "GET":
        refused |= {409, 422}
    if endpoint.body is not None or endpoint.consumes:
        refused |= {413, 415}
    if endpoint.query is not None or endpoint.waits:
        refused.add(422)
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refused)}
    return {str(endpoint.status): answer, **refusals}


def page(document: dict[str, Any]) -> str:
    """The document as HTML: a list of operations with what they take and give, no script at all."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("docs.html").render(api=document)
