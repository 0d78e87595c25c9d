"""Which logs this installation witnesses, and which witnesses it asks: WITNESS_LOGS and WITNESSES, read."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import httpx

from app.audit.note import COSIGNATURE, ED25519, MalformedNote, Verifier

MOST = 32  # logs or witnesses


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness: whose cosignatures are its, and the address that `/add-checkpoint` is put behind."""

    verifier: Verifier
    url: str


def parse_logs(text: str) -> dict[str, list[Verifier]]:
    """The keys of logs, by origin, of a list of verifier keys with commas between; raises ValueError.

    A log's origin is the name of its key; one that changed its key has several.
    """
    found: dict[str, list[Verifier]] = {}
    for entry in _entries(text):
        verifier = _verifier(entry, ED25519, "a log's verifier key")
        found.setdefault(verifier.name, []).append(verifier)
    return found


def parse_witnesses(text: str) -> list[WitnessAddress]:
    """The witnesses of a list `VKEY URL, VKEY URL`; raises ValueError.

    URLs are https, but for witnesses on this machine.
    """
    found: dict[str, WitnessAddress] = {}
    for entry in _entries(text):
        vkey, _, url = entry.partition(" ")
        verifier = _verifier(vkey, COSIGNATURE, "a witness's verifier key")
        if not _is_allowed(url.strip()):
            raise ValueError("each entry is a verifier key, a space, and an https address")
        found[verifier.vkey] = WitnessAddress(verifier, url.strip().rstrip("/"))
    return list(found.values())


def _entries(text: str) -> list[str]:
    entries = [entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip()]
    if len(entries) > MOST:
        raise ValueError(f"there are {MOST} entries at most")
    return entries


def _verifier(vkey: str, kind: int, what: str) -> Verifier:
    try:
        found = Verifier.from_vkey(vkey)
    except MalformedNote as error:
        raise ValueError(str(error)) from None
    if found.type != kind:
        raise ValueError(f"{found.name} is not {what}: that is of type {kind}")
    return found


def _is_allowed(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        return False
    plain = url.scheme == "http" and _is_loopback(url.host)
    return (
        bool(url.host)
        and not (url.userinfo or url.query or url.fragment)
        and (url.scheme == "https" or plain)
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
