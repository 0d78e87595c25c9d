"""`interlink export` and `interlink verify` as an operator and an auditor meet them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey
from tests.app.test_cli import interlink, refusal
from tests.serving import INTERLINK

KEY = LogKey()


def test_a_log_is_exported_and_verified_without_a_database(tmp_path: Path, database: str) -> None:
    out = tmp_path / "log.zip"
    made = interlink(tmp_path / "data", "export", "--all", "--out", str(out), DATABASE_URL=database)
    assert made.returncode == 0, made.stderr
    assert "0 events" in made.stdout
    found = interlink(tmp_path / "nowhere", "verify", str(out))
    assert found.returncode == 0, found.stderr
    assert "FAILED" not in found.stdout
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_verified_without_any_environment(tmp_path: Path) -> None:
    """No settings, no data directory; and wrong settings are of no interest."""
    records = History(5, 10).records
    path = archive(tmp_path / "log.zip", records, KEY.evidence(checkpoints(records, KEY)))
    for environment in ({}, {"PORT": "none", "SECRET_KEY": "short", "INTERLINK_UNKNOWN": "1"}):
        done = subprocess.run(
            [str(INTERLINK), "verify", str(path), "--key", KEY.vkey],
            check=False,
            env={"HOME": str(tmp_path / "nowhere"), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "FAILED" not in done.stdout
    assert [found.name for found in tmp_path.iterdir()] == ["log.zip"]


def test_what_does_not_hold_is_the_last_line(tmp_path: Path) -> None:
    records = History(5, 10).records
    evidence = KEY.evidence(checkpoints(records, KEY))
    forged = archive(tmp_path / "forged.zip", [records[0], records[0], *records[2:]], evidence)
    said = refusal(interlink(tmp_path / "nowhere", "verify", str(forged), "--key", KEY.vkey))
    assert said == "interlink: positions at position 2: 1 stands where 2 should\n"


def test_a_file_that_is_no_export_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no zip")
    assert "can't be read as a zip archive" in refusal(interlink(tmp_path, "verify", str(tmp_path / "x")))
