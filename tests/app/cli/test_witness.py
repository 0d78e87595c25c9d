"""`interlink keys` and `interlink timestamp`."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.audit.keys import log_signer, witness_signer
from app.cli import parser
from app.settings import ConfigurationError, Settings
from tests.app.audit.authority import Authority
from tests.app.audit.test_timestamps import address, authority

__all__ = ["address", "authority"]


async def run(settings: Settings, *arguments: str) -> None:
    options = parser().parse_args(arguments)
    await options.run(settings, options)


async def test_keys_are_told_as_the_settings_of_others_want_them(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings.model_validate({"secret_key": "a", "public_url": "https://ours.example"})
    await run(settings, "keys")
    log, witness = capsys.readouterr().out.splitlines()
    assert log == f"log      {log_signer(settings).verifier.vkey}"
    vkey = witness_signer(settings).verifier.vkey
    assert witness == f"witness  {vkey} https://ours.example/audit/witness"
    Settings.model_validate({"witness_logs": log.split()[1], "witnesses": " ".join(witness.split()[1:])})


async def test_the_head_is_stamped_when_asked(
    database: str, tmp_path: Path, authority: Authority, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"secret_key": "a", "data_dir": tmp_path, "database_url": database}
    with pytest.raises(ConfigurationError, match=r"^TSA_URL: "):
        await run(Settings.model_validate(values), "timestamp")
    values |= {"tsa_url": address, "tsa_certificates": authority.pem}
    settings = Settings.model_validate(values)
    with pytest.raises(ConfigurationError, match="no time stamp: the authority does not answer"):
        await run(settings.model_copy(update={"tsa_url": "http://127.0.0.1:9/"}), "timestamp")
    await run(settings, "timestamp")
    await run(settings, "timestamp")
    said = [line for line in capsys.readouterr().out.splitlines() if "[info" not in line]
    assert said == ["0 events time-stamped", "the head is time-stamped already"]
