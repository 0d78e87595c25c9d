"""The API's own description."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.routing import Route

from app import api
from app.http.endpoint import Resource

METHODS = {"get", "post", "patch", "delete"}


@pytest.fixture
async def document(visitor: httpx.AsyncClient) -> Any:
    answer = await visitor.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def test_every_route_is_an_endpoint_that_the_document_names(document: Any, app: Starlette) -> None:
    described = {
        (path, method) for path, item in document["paths"].items() for method in item if method in METHODS
    }
    routed = set()
    for route in api.routes:
        assert isinstance(route, Route)
        assert isinstance(route.app, Resource)
        routed |= {(route.path, method.lower()) for method in route.app.endpoints}
    assert described == routed
    assert len(routed) > 35


def test_the_document_hangs_together(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(document["info"])
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            assert operation["description"]
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            for parameter in operation["parameters"]:
                assert parameter["in"] in ("path", "query", "header")
                Draft202012Validator.check_schema(parameter["schema"])
            assert any(status.startswith("2") for status in operation["responses"])


def test_schemas_are_schemas_and_references_lead_somewhere(document: Any) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = list(_references(document))
    assert len(references) > 50
    for reference in references:
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


async def test_answers_fit_the_document(document: Any, ana: Any) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task)
    for path, template in {
        "/api/v1/me": "/api/v1/me",
        "/api/v1/processes": "/api/v1/processes",
        f"/api/v1/processes/{process}": "/api/v1/processes/{process}",
        f"/api/v1/processes/{process}/tree": "/api/v1/processes/{process}/tree",
        f"/api/v1/processes/{process}/activity": "/api/v1/processes/{process}/activity",
        f"/api/v1/processes/{process}/permissions": "/api/v1/processes/{process}/permissions",
        f"/api/v1/processes/{process}/why?right=view": "/api/v1/processes/{process}/why",
        f"/api/v1/nodes/{task}": "/api/v1/nodes/{node}",
        f"/api/v1/documents/{made['document']}": "/api/v1/documents/{id}",
        f"/api/v1/documents/{made['document']}/history": "/api/v1/documents/{id}/history",
    }.items():
        answer = (await ana.client.get(path, headers={"If-Position-At-Least": str(ana.position)})).json()
        content = document["paths"][template]["get"]["responses"]["200"]["content"]
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(answer)


async def test_people_get_a_page_without_scripts(visitor: httpx.AsyncClient, document: Any) -> None:
    answer = await visitor.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    for path, item in document["paths"].items():
        for method in item:
            assert f"{method.upper()} {path}" in answer.text
    for target in re.findall(r'href="#([^"]+)"', answer.text):
        assert f'id="{target}"' in answer.text
    assert (await visitor.get("/docs/style.css")).headers["content-type"].startswith("text/css")


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from _references(member)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
