"""`interlink export` and `interlink verify` as an operator and an auditor meet them."""

from __future__ import annotations

from pathlib import Path

from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey
from tests.app.test_cli import interlink, refusal

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


def test_what_does_not_hold_is_the_last_line(tmp_path: Path) -> None:
    records = History(5, 10).records
    evidence = KEY.evidence(checkpoints(records, KEY))
    forged = archive(tmp_path / "forged.zip", [records[0], records[0], *records[2:]], evidence)
    said = refusal(interlink(tmp_path / "nowhere", "verify", str(forged), "--key", KEY.vkey))
    assert said == "interlink: positions at position 2: 1 stands where 2 should\n"


def test_a_file_that_is_no_export_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no zip")
    assert "can't be read as a zip archive" in refusal(interlink(tmp_path, "verify", str(tmp_path / "x")))
