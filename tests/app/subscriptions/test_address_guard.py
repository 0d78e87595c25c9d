"""Whatever URL somebody gives, nothing that only this server reaches is reached."""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from app.subscriptions import address_guard
from app.subscriptions.address_guard import (
    AddressRefused,
    GuardedTransport,
    Resolve,
    check_url,
    guarded_client,
    is_public,
    read_bounded,
)
from tests.app.subscriptions.receivers import Behaviour, answer, break_off, flood, gibberish, receiving


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine stands still for seconds, nothing is given up."""
    monkeypatch.setattr(address_guard, "CONNECTING", 300.0)
    monkeypatch.setattr(address_guard, "ANSWERING", 300.0)


def names(*answers: Sequence[str]) -> Resolve:
    """A name server that gives each answer in turn, the last one for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.1.2",
        "0.0.0.0",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "2600::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "2600::5efe:7f00:1",
        "2600::200:5efe:a00:1",
        "localhost",
        "0x7f.1",
        "",
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_no_disguise_makes_an_address_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    disguises = [
        0xFFFF << 32 | number,  # mapped
        number,  # compatible
        0x64FF9B << 96 | number,  # NAT64
        0x2002 << 112 | number << 80,  # 6to4
        0x2600 << 112 | 0x5EFE << 32 | number,  # ISATAP
    ]
    assert not any(is_public(str(ipaddress.IPv6Address(disguise))) for disguise in disguises)


@given(st.ip_addresses())
def test_public_is_never_more_than_what_the_registry_calls_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "http://",
        "http:///hook",
        "http://name@example.org/",
        "http://name:word@example.org/",
        "https://example.org/#part",
        "https://example.org/ hook",
        "https://example.org/\r\nX: y",
        "https://exämple.org/",
        "https://example.org:22/",
        "https://example.org:5432/",
        "https://example.org:6379/",
        "https://example.org:99999/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/hook?a=b",
        "http://example.org:8080/",
        "https://8.8.8.8/",
        "https://xn--exmple-cua.org/",
    ],
)
def test_urls_that_are_taken(url: str) -> None:
    assert str(check_url(url)) == url


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        url = check_url(text)
    except AddressRefused:
        return
    assert url.scheme in ("http", "https")


async def test_a_name_for_a_private_address_is_not_connected_to() -> None:
    async with receiving() as receiver:
        for addresses in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]):
            transport = GuardedTransport(resolve=names(addresses))
            async with guarded_client(transport) as client:
                with pytest.raises(AddressRefused):
                    await client.post(f"http://receiver.test:{receiver.port}/")
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0"])
async def test_other_spellings_of_this_machine_are_refused(host: str) -> None:
    async with receiving() as receiver, guarded_client(GuardedTransport()) as client:
        with pytest.raises((AddressRefused, httpx.NetworkError)):
            await client.post(f"http://{host}:{receiver.port}/")
    assert receiver.connections == 0


async def test_a_rebinding_name_server_is_asked_once_for_a_connection() -> None:
    """Public when checked, private when connected to: what was checked is what is connected to."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["203.0.114.1"] if len(asked) == 1 else ["127.0.0.1"]

    async with receiving() as receiver, guarded_client(GuardedTransport(resolve=rebinding)) as client:
        # where nothing answers: the attempt ends by time-out, or at once for want of a route
        with pytest.raises(httpx.TransportError):
            await client.post(f"http://receiver.test:{receiver.port}/", timeout=0.3)
        assert asked == ["receiver.test"]
        with pytest.raises(AddressRefused):
            await client.post(f"http://receiver.test:{receiver.port}/")
    assert receiver.connections == 0


async def test_names_that_do_not_resolve_or_have_no_address() -> None:
    async def missing(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    for resolve in (missing, names([])):
        async with guarded_client(GuardedTransport(resolve=resolve)) as client:
            with pytest.raises(httpx.NetworkError):
                await client.post("http://receiver.test/")


async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    async with receiving() as receiver:
        transport = GuardedTransport(allow_private=True, resolve=names(["127.0.0.2", "127.0.0.1"]))
        async with guarded_client(transport) as client:
            found = await client.post(f"http://receiver.test:{receiver.port}/", content=b"x")
    assert found.status_code == 204
    assert receiver.received[0].headers["host"] == f"receiver.test:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with receiving() as inside, receiving() as receiver:
        receiver.behave = answer(status, f"Location: {inside.url}")
        async with guarded_client(GuardedTransport(allow_private=True)) as client:
            assert (await client.post(receiver.url)).status_code == status
    assert inside.connections == 0


async def test_cookies_are_not_kept() -> None:
    async with (
        receiving(answer(200, "Set-Cookie: a=b")) as receiver,
        guarded_client(GuardedTransport(allow_private=True)) as client,
    ):
        await client.post(receiver.url)
        await client.post(receiver.url)
    assert "cookie" not in receiver.received[1].headers


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with guarded_client(GuardedTransport(allow_private=True)) as client:
            await client.post(receiver.url)
    assert proxy.connections == 0


async def test_an_endless_answer_is_read_to_its_limit() -> None:
    async with (
        receiving(flood) as receiver,
        guarded_client(GuardedTransport(allow_private=True)) as client,
        client.stream("POST", receiver.url) as response,
    ):
        assert len(await read_bounded(response, 1000)) == 1000


async def test_a_compressed_bomb_stays_compressed() -> None:
    async with (
        receiving(answer(200, "Content-Encoding: gzip", body=b"no gzip at all")) as receiver,
        guarded_client(GuardedTransport(allow_private=True)) as client,
        client.stream("POST", receiver.url) as response,
    ):
        assert await read_bounded(response, 1000) == b"no gzip at all"


@pytest.mark.parametrize("behaviour", [break_off, gibberish])
async def test_broken_answers_are_protocol_errors(behaviour: Behaviour) -> None:
    async with (
        receiving(behaviour) as receiver,
        guarded_client(GuardedTransport(allow_private=True)) as client,
    ):
        with pytest.raises(httpx.ProtocolError):
            await client.post(receiver.url)


def certificate(folder: Path, name: str) -> Path:
    """A file with a key and a certificate for a name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(encoding))
    return path


async def test_tls_verifies_the_name_in_the_url_though_the_address_is_pinned(tmp_path: Path) -> None:
    path = certificate(tmp_path, "receiver.test")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    async with receiving(ssl=server) as receiver:
        transport = GuardedTransport(
            allow_private=True,
            resolve=names(["127.0.0.1"]),
            ssl_context=ssl.create_default_context(cafile=str(path)),
        )
        async with guarded_client(transport) as client:
            good = await client.post(f"https://receiver.test:{receiver.port}/")
            assert good.status_code == 204
            for host in ("another.test", "127.0.0.1"):
                with pytest.raises(httpx.NetworkError):
                    await client.post(f"https://{host}:{receiver.port}/")
    assert len(receiver.received) == 1
