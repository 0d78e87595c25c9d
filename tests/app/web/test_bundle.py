"""The built bundle: complete, small, and from a lock file that names no registry."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from app.web import bundle
from app.web.bundle import DIST, BundleMissing, entry

WEB = DIST.parent
KB = 1024


def weight(name: str) -> int:
    """Bytes over the wire (gzip) of a manifest entry with all it may load, styles included."""
    manifest = json.loads((DIST / "manifest.json").read_text())
    files: set[str] = set()
    waiting = [name]
    while waiting:
        found = manifest[waiting.pop()]
        if found["file"] not in files:
            files |= {found["file"], *found.get("css", ())}
            waiting += [*found.get("imports", ()), *found.get("dynamicImports", ())]
    return sum(len(gzip.compress((DIST / file).read_bytes())) for file in files)


def test_pages_are_light() -> None:
    assert weight("src/page.ts") < 40 * KB


def test_the_heavier_editor_is_within_bounds() -> None:
    everything = weight("src/page.ts") + weight("src/editor/index.ts")
    other_format = len(gzip.compress((DIST / chunk("src/editor/plaintext.ts")).read_bytes()))
    assert everything - other_format < 250 * KB


def chunk(name: str) -> str:
    found: str = json.loads((DIST / "manifest.json").read_text())[name]["file"]
    return found


def test_entries_are_hashed_addresses() -> None:
    found = entry("src/page.ts")
    assert found.script.startswith("/static/assets/page-")
    assert [style.endswith(".css") for style in found.styles] == [True]
    assert (DIST / found.script.removeprefix("/static/")).exists()


def test_a_missing_bundle_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundle, "DIST", tmp_path)
    entry.cache_clear()
    with pytest.raises(BundleMissing, match="make install"):
        entry("src/page.ts")
    entry.cache_clear()


def test_no_foreign_address_is_loaded() -> None:
    styles = "".join(path.read_text() for path in DIST.rglob("*.css"))
    assert "url(" not in styles
    assert "@import" not in styles


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_versions_are_pinned_and_of_one_piece() -> None:
    package = json.loads((WEB / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values())
    tiptap = {v for name, v in wanted.items() if name.startswith("@tiptap/") and name != "@tiptap/y-tiptap"}
    assert len(tiptap) == 1
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert [name for name in lock if name.endswith("node_modules/yjs")] == ["node_modules/yjs"]
