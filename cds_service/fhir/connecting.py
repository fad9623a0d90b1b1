"""Where this process connects to: a name is looked up, its addresses judged, and one of those very addresses used.

An allowed name may be made to lead elsewhere: to the metadata service of a cloud, or to
what listens on this machine only. Judging the address at the moment of connecting is what
closes the gap between looking up and using.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from cds_service.config import is_loopback

Address = IPv4Address | IPv6Address
LookUp = Callable[[str, int], Awaitable[Sequence[str]]]

_NEVER = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "ff00::/8",
    )
)
"""Unspecified, link-local and multicast addresses, and the metadata services of clouds that are elsewhere."""

_NAT64 = ip_network("64:ff9b::/96")


def may_connect(host: str, address: str) -> bool:
    """Whether a host may be reached at an address it was found to have.

    Loopback only for a host that says so itself: a name that leads there is a name led astray.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_harmless(host, form) for form in _forms(found))


def _harmless(host: str, address: Address) -> bool:
    if any(address in block for block in _NEVER if block.version == address.version):
        return False
    return not address.is_loopback or is_loopback(host)


def _forms(address: Address) -> Iterable[Address]:
    """The address, and the IPv4 address that may be wrapped in it."""
    yield address
    if not isinstance(address, IPv6Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and not address.is_loopback):
        yield IPv4Address(int(address) & 0xFFFFFFFF)


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, best first."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[4][0]) for place in found]


class JudgedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the first address of a host that it may be reached at."""

    def __init__(self, network: httpcore.AsyncNetworkBackend | None = None, look_up: LookUp = look_up) -> None:
        self._network = network if network is not None else httpcore.AnyIOBackend()
        self._look_up = look_up

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection. Raises httpcore.ConnectError where no address will do."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._look_up(host.strip("[]"), port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not found in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name is not known") from error
        refused: Exception = httpcore.ConnectError("no address of that name may be connected to")
        for address in dict.fromkeys(addresses):
            if not may_connect(host, address):
                continue
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        raise refused

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Nothing is ever asked over a socket file."""
        raise httpcore.ConnectError("no socket file is connected to")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class JudgedTransport(httpx.AsyncHTTPTransport):
    """httpx over judged connections."""

    def __init__(self, limits: httpx.Limits, backend: httpcore.AsyncNetworkBackend | None = None) -> None:
        super().__init__(trust_env=False, limits=limits)
        # httpx has no argument for it; tests/unit/test_fhir_connecting.py notices if this place moves.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=backend if backend is not None else JudgedBackend(),
        )
