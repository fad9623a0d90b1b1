"""Where a call may lead this process: the address is judged when it is connected to, whatever the name promised."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence

import httpcore
import httpx
import pytest

from cds_service.fhir.client import open_http
from cds_service.fhir.connecting import JudgedBackend, JudgedTransport, may_connect

NAME = "ehr.example"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (NAME, "203.0.113.7"),
        (NAME, "10.1.2.3"),
        (NAME, "192.168.1.1"),
        (NAME, "172.16.0.1"),
        (NAME, "2001:db8::1"),
        (NAME, "fd12:3456::1"),
        ("localhost", "127.0.0.1"),
        ("localhost", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
    ],
)
def test_a_hospitals_own_addresses_are_reached(host: str, address: str) -> None:
    assert may_connect(host, address)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        # A listed name that was made to lead to this machine.
        (NAME, "127.0.0.1"),
        (NAME, "127.8.8.8"),
        (NAME, "::1"),
        (NAME, "::ffff:127.0.0.1"),
        ("localhost.example", "127.0.0.1"),
        # Every machine, or none.
        (NAME, "0.0.0.0"),
        (NAME, "0.0.0.1"),
        (NAME, "::"),
        (NAME, "::ffff:0.0.0.0"),
        (NAME, "255.255.255.255"),
        (NAME, "224.0.0.1"),
        (NAME, "ff02::1"),
        (NAME, "240.0.0.1"),
        # Metadata services of clouds, and the link they are on.
        (NAME, "169.254.169.254"),
        (NAME, "169.254.170.2"),
        (NAME, "169.254.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        (NAME, "fe80::1"),
        (NAME, "fe80::1%eth0"),
        (NAME, "fec0::1"),
        (NAME, "fd00:ec2::254"),
        (NAME, "fd20:ce::254"),
        (NAME, "100.100.100.200"),
        (NAME, "168.63.129.16"),
        (NAME, "192.0.0.192"),
        # The same, wrapped in an IPv6 address.
        (NAME, "::ffff:169.254.169.254"),
        (NAME, "::ffff:a9fe:a9fe"),
        (NAME, "::169.254.169.254"),
        (NAME, "64:ff9b::169.254.169.254"),
        (NAME, "64:ff9b::7f00:1"),
        (NAME, "2002:a9fe:a9fe::1"),
        (NAME, "2002:7f00:1::"),
        (NAME, "2001:0:4136:e378:8000:63bf:5601:5601"),
        # Nothing that is an address.
        (NAME, ""),
        (NAME, "ehr.example"),
        (NAME, "2852039166"),
        (NAME, "0x7f.1"),
    ],
)
def test_nowhere_else_is_connected_to(host: str, address: str) -> None:
    assert not may_connect(host, address)


class Network(httpcore.AsyncMockBackend):
    """A network that answers, and remembers where it was asked to connect to."""

    def __init__(self, away: Sequence[str] = ()) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}"])
        self.connected: list[str] = []
        self._away = away

    async def connect_tcp(self, host: str, *rest: object, **more: object) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        if host in self._away:
            raise httpcore.ConnectError("away")
        return await super().connect_tcp(host, 80)


def asked(url: str, addresses: Sequence[str] | OSError, network: Network) -> int:
    """The status of a request to a URL whose host has these addresses."""

    async def look_up(host: str, port: int) -> Sequence[str]:
        if isinstance(addresses, OSError):
            raise addresses
        return addresses

    async def ask() -> int:
        transport = JudgedTransport(httpx.Limits(), JudgedBackend(network, look_up))
        async with httpx.AsyncClient(transport=transport) as http:
            return (await http.get(url)).status_code

    return asyncio.run(ask())


def test_the_address_that_was_judged_is_the_one_connected_to() -> None:
    network = Network()
    assert asked(f"http://{NAME}/fhir", ["169.254.169.254", "203.0.113.7"], network) == 200
    assert network.connected == ["203.0.113.7"]


def test_of_several_good_addresses_the_first_that_answers_is_used() -> None:
    network = Network(away=["203.0.113.7"])
    assert asked(f"http://{NAME}/fhir", ["203.0.113.7", "203.0.113.8"], network) == 200
    assert network.connected == ["203.0.113.7", "203.0.113.8"]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["169.254.169.254", "fe80::1"], [], OSError("unknown")])
def test_a_name_led_astray_is_as_good_as_away(addresses: Sequence[str] | OSError) -> None:
    network = Network()
    with pytest.raises(httpx.ConnectError):
        asked(f"http://{NAME}/fhir", addresses, network)
    assert network.connected == []


def test_a_socket_file_is_never_asked() -> None:
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(JudgedBackend().connect_unix_socket("/run/docker.sock"))


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of this machine on which something answers that nobody should reach by another name."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


async def _get(url: str) -> int:
    async with open_http() as http:
        return (await http.get(url)).status_code


def test_the_services_own_client_judges(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(_get(f"http://127.0.0.1:{listening}/")) == 200
    real = socket.getaddrinfo

    def rebound(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == NAME else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with pytest.raises(httpx.ConnectError):
        asyncio.run(_get(f"http://{NAME}:{listening}/"))
