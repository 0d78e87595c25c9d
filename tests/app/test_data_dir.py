"""One server for each folder, and a clear word when the disk is full."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from app.data_dir import AlreadyServed, exclusive, is_served, prepare
from app.settings import ConfigurationError


def test_a_second_server_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    assert not is_served(tmp_path)
    with exclusive(tmp_path):
        assert is_served(tmp_path)
        with pytest.raises(AlreadyServed, match=str(os.getpid())), exclusive(tmp_path):
            pass
    assert not is_served(tmp_path)


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(ConfigurationError, match="full: 0 MiB free, 256 MiB needed"):
        prepare(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written: Not a directory"):
        prepare(tmp_path / "file" / "data")


def test_preparing_leaves_nothing_behind(tmp_path: Path) -> None:
    prepare(tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
