"""The files for several nodes fit together, and the settings in them exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings import load

ROOT = Path(__file__).parents[1]
COMPOSE = (ROOT / "compose.yaml").read_text()
CADDY = (ROOT / "Caddyfile").read_text()


def block(name: str, indent: str = "  ") -> str:
    """What stands under a key of compose.yaml."""
    found = re.search(rf"^{indent}{name}:[^\n]*\n((?:{indent} +[^\n]*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert found, name
    return found[1]


def environment() -> dict[str, str]:
    """What a node gets, as compose would give it with nothing set outside."""
    lines = re.findall(r"^ +([A-Z_]+): (.+)$", block("environment"), re.MULTILINE)
    values = {name: value.split(" #")[0].strip('" ') for name, value in lines}
    return {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in values.items()}


def test_a_node_starts_with_what_compose_gives_it(tmp_path: Path) -> None:
    given = environment()
    assert given["DATABASE_URL_FILE"].startswith("/run/secrets/")
    (tmp_path / "database_url").write_text("postgresql://interlink:secret@postgres/interlink\n")
    (tmp_path / "secret_key").write_text("0123456789abcdef\n")
    files = {name: str(tmp_path / Path(path).name) for name, path in given.items() if name.endswith("_FILE")}
    settings = load(given | files)
    assert settings.redis_url is not None
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)
    assert settings.signing_key() == b"0123456789abcdef"


def test_the_proxy_knows_the_nodes() -> None:
    upstreams = re.findall(r"reverse_proxy (.*) \{", CADDY)[0].split()
    assert upstreams == ["node1:8000", "node2:8000"]
    for upstream in upstreams:
        assert "<<: *node" in block(upstream.split(":")[0])
    assert CADDY.count("{") == CADDY.count("}")
    assert re.search(r"health_uri /readyz", CADDY)


def test_every_volume_and_secret_is_declared() -> None:
    declared = re.findall(r"^  (\w+):", COMPOSE[COMPOSE.index("\nsecrets:") :], re.MULTILINE)
    used = re.findall(r'"(\w+):/', COMPOSE) + re.findall(r"- (\w+):/data", COMPOSE)
    used += [name for names in re.findall(r"secrets: \[(.*)\]", COMPOSE) for name in names.split(", ")]
    assert set(used) == set(declared)
    assert {f"/run/secrets/{name}" for name in declared} >= set(re.findall(r"/run/secrets/\w+", COMPOSE))


@pytest.mark.parametrize("name", ["Dockerfile", "Caddyfile", "compose.yaml"])
def test_the_documentation_names_the_file(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/deploy.md").read_text()


def test_the_documented_settings_and_figures_exist() -> None:
    from dataclasses import fields

    from app.metrics import _BUS
    from realtime.limits import Limits
    from realtime.metrics import Metrics

    text = (ROOT / "docs/deploy.md").read_text()
    limits = {field.name.upper() for field in fields(Limits)}
    assert set(re.findall(r"LIVE_(\w+)", text)) <= limits
    known = {f"interlink_bus_{name}_total" for name in _BUS} | {
        "interlink_bus_up",
        "interlink_bus_lag_seconds",
    }
    known |= {f"interlink_live_{field.name}_total" for field in fields(Metrics)}
    assert set(re.findall(r"interlink_\w+", text)) <= known
