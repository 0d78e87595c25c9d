"""Requests to addresses that users chose, kept away from what only this server can reach (SSRF).

A name is resolved once for each connection, all that it resolves to is checked, and the connection goes
to one of the checked addresses: there is no second look-up that a rebinding name server could answer
differently. TLS still verifies the name in the URL. Nothing is followed, taken from the environment's
proxies, or read without bound.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

URL_LENGTH = 2_000  # characters
CONNECTING = 5.0  # seconds for resolving, and again for each of connecting and TLS
ANSWERING = 10.0  # seconds between two signs of life
_CONNECTIONS = 100
_KEPT_ALIVE = 5.0  # seconds; the name is looked up anew after that
_ADDRESSES = 16  # that one name may have; more are not looked at

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The numeric addresses of a name (and port); raises OSError."""

_REFUSED_V4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # one cloud's host agent, on a public address
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
]
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # all that IANA gave out; mapped and NAT64 are not in it
_REFUSED_V6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
]
_ISATAP = (0x00005EFE, 0x02005EFE)  # the interface identifier that holds an IPv4 address, RFC 5214

# what speaks another protocol there may mistake a request for its own (WHATWG Fetch, 2.9, and stores)
_REFUSED_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5672}
    | {5900, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9200, 9300, 10080}
    | {10250, 10255, 11211, 27017}
)


class AddressRefused(ValueError):
    """This URL, or what its name resolves to, is nothing to send to. The message is for its owner."""


def is_public(address: str) -> bool:
    """Whether a numeric address is one that anybody on the internet reaches the same way."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _REFUSED_V4)
    if found.scope_id is not None or found not in _GLOBAL_V6:
        return False
    disguised = (int(found) >> 32) & 0xFFFFFFFF in _ISATAP
    return not disguised and not any(found in network for network in _REFUSED_V6)


def check_url(text: str, *, allow_private: bool = False) -> httpx.URL:
    """The URL of a receiver, if it may be one; raises AddressRefused. Names are not resolved here."""
    if len(text) > URL_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise AddressRefused(f"a URL of at most {URL_LENGTH} ASCII characters without spaces is needed")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise AddressRefused("this is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise AddressRefused("an http or https URL with a host is needed")
    if url.userinfo:
        raise AddressRefused("a URL must not hold a user name or password")
    if "#" in text:
        raise AddressRefused("a URL to send to has no fragment")
    if url.port is not None and not 0 < url.port < 65536:
        raise AddressRefused("there is no such port")
    if not allow_private:
        _check_public(url)
    return url


def _check_public(url: httpx.URL) -> None:
    port = url.port if url.port is not None else 443
    if (port < 1024 and port not in (80, 443)) or port in _REFUSED_PORTS:
        raise AddressRefused(f"port {port} is not for webhooks")
    try:
        ipaddress.ip_address(url.host)
    except ValueError:
        return  # a name
    if not is_public(url.host):
        raise AddressRefused("this address is not a public one")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def addresses(host: str, port: int, resolve: Resolve, *, allow_private: bool) -> Sequence[str]:
    """What a name resolves to now, all of it checked.

    Raises AddressRefused, TimeoutError, and OSError for a name that cannot be resolved.
    """
    try:
        async with asyncio.timeout(CONNECTING):
            found = await resolve(host, port)
    except UnicodeError:
        raise OSError("this is no name") from None
    checked = list(dict.fromkeys(found))[:_ADDRESSES]
    if not allow_private and not all(map(is_public, checked)):
        raise AddressRefused("the name leads to an address that is not a public one")
    return checked


class _Connector(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only. httpcore does TLS on them with the URL's own name."""

    def __init__(self, resolve: Resolve, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            return await addresses(host, port, self._resolve, allow_private=self._allow_private)
        except TimeoutError:
            raise httpcore.ConnectTimeout("resolving the name took too long") from None
        except OSError:
            raise httpcore.ConnectError("the name cannot be resolved") from None

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("a socket of this machine is not a public address")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


@cache
def public_authorities() -> ssl.SSLContext:
    """TLS to whoever a public authority vouches for; their certificates are read once, it takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Carries requests to checked addresses. Raises AddressRefused, httpx.TransportError."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or public_authorities(),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_KEPT_ALIVE,
            network_backend=_Connector(resolve, allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        check_url(str(request.url), allow_private=self._allow_private)
        url = request.url
        with _as_httpx(request):
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(request, response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, request: httpx.Request, response: httpcore.Response) -> None:
        self._request = request
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        with _as_httpx(self._request):
            await self._response.aclose()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """httpcore's errors as httpx's own, as far as anybody tells them apart."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.TimeoutException(str(error), request=request) from error
    except (httpcore.NetworkError, OSError) as error:
        raise httpx.NetworkError(str(error), request=request) from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise httpx.ProtocolError(str(error), request=request) from error


def guarded_client(transport: GuardedTransport) -> httpx.AsyncClient:
    """A client that follows nothing, keeps no cookies, and gives up in time."""
    return httpx.AsyncClient(
        transport=transport,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(ANSWERING, connect=CONNECTING),
    )


async def read_bounded(response: httpx.Response, limit: int) -> bytes:
    """The first `limit` bytes of an answer as they came; the rest is left unread. Raises httpx errors."""
    found = bytearray()
    async for part in response.aiter_raw():
        found += part
        if len(found) >= limit:
            break
    return bytes(found[:limit])
