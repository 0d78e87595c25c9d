"""Which logs and witnesses a setting names, and what is no such list."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.note import COSIGNATURE, Signer
from app.audit.witness_settings import MOST, parse_logs, parse_witnesses
from app.settings import ConfigurationError, load
from tests.app.audit.signing import LogKey

LOG, NEW, OTHER = LogKey().vkey, LogKey(seed=8).vkey, LogKey(name="other.example").vkey
WITNESS = Signer("w.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), COSIGNATURE).verifier.vkey


def test_a_log_that_changed_its_key_has_several() -> None:
    found = parse_logs(f" {LOG}, {NEW},\n{OTHER}\n")
    assert {origin: [key.vkey for key in keys] for origin, keys in found.items()} == {
        "example.org/interlink": [LOG, NEW],
        "other.example": [OTHER],
    }
    assert parse_logs("") == {}


@pytest.mark.parametrize(
    "url",
    ["https://w.example/audit/witness", "http://127.0.0.1:8001/x", "http://[::1]/", "http://localhost:1"],
)
def test_a_witness_has_an_address(url: str) -> None:
    (found,) = parse_witnesses(f"{WITNESS} {url}")
    assert (found.verifier.vkey, found.url) == (WITNESS, url.rstrip("/"))


BAD = {
    "plain http": f"{WITNESS} http://w.example/",
    "plain http to a name that begins like this machine": f"{WITNESS} http://localhost.example/",
    "no address": WITNESS,
    "another scheme": f"{WITNESS} ftp://127.0.0.1/",
    "password": f"{WITNESS} https://a:b@w.example/",
    "query": f"{WITNESS} https://w.example/?a=1",
    "no key": "w.example https://w.example/",
    "a log's key": f"{LOG} https://w.example/",
    "too many": ",".join([f"{WITNESS} https://w.example/"] * (MOST + 1)),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_no_list_of_witnesses(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^WITNESSES: "):
        load({"WITNESSES": text})


@pytest.mark.parametrize("text", [WITNESS, "example.org", LOG[:-1]], ids=["a witness's key", "name", "cut"])
def test_what_is_no_list_of_logs(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^WITNESS_LOGS: "):
        load({"WITNESS_LOGS": text})


def test_a_setting_of_another_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="WITNESS_LOG is not a setting"):
        load({"WITNESS_LOG": LOG})
