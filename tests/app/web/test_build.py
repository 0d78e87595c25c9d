"""The build hook: builds when sources changed, keeps what is built, and says why npm failed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.web.bundle import DIST


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """app/web/build.py over a folder of its own, without hatchling, which only builds have."""
    path = "hatchling"
    for name in ("", ".builders", ".hooks", ".plugin", ".interface"):
        path += name
        module = ModuleType(path)
        monkeypatch.setitem(sys.modules, path, module)
    module.BuildHookInterface = object  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("web_build", DIST.parent / "build.py")
    assert spec is not None
    assert spec.loader is not None
    built: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built)
    for name in built.SOURCES:
        folder = tmp_path / name
        if "." in name:
            folder.write_text(name)
        else:
            folder.mkdir()
            (folder / "one").write_text("1")
    (tmp_path / "dist").mkdir()
    monkeypatch.setattr(built, "HERE", tmp_path)
    monkeypatch.setattr(built, "STAMP", tmp_path / "dist" / "sources.sha256")
    return built


@pytest.fixture
def calls(build: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What npm was asked to do."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(build, "npm", lambda *arguments: found.append(arguments))
    return found


def test_a_change_builds_anew_and_nothing_else_does(build: Any, calls: list[Any], tmp_path: Path) -> None:
    hook = build.WebBundle()
    hook.initialize("standard", {})
    assert calls == [("ci", "--no-progress"), ("run", "build")]
    hook.initialize("standard", {})
    assert len(calls) == 2
    (tmp_path / "src" / "one").write_text("2")
    hook.initialize("standard", {})
    assert len(calls) == 4
    (tmp_path / "src" / "one").rename(tmp_path / "src" / "two")
    hook.initialize("standard", {})
    assert len(calls) == 6


def test_a_failed_build_is_not_taken_for_done(
    build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: str) -> None:
        raise RuntimeError("npm ci ended with 1")

    monkeypatch.setattr(build, "npm", fail)
    with pytest.raises(RuntimeError):
        build.WebBundle().initialize("standard", {})
    assert not (tmp_path / "dist" / "sources.sha256").exists()


def test_npm_s_own_words_are_repeated(build: Any) -> None:
    with pytest.raises(RuntimeError, match="is not valid JSON while parsing") as failed:
        build.npm("run", "nothing")
    assert str(failed.value).startswith("npm run nothing ended with 1:")
