"""No test reaches beyond this machine; a planted try at an address of TEST-NET is refused and told."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import requests

from tests.guards import loopback
from tests.house import House

#: RFC 5737: an address that belongs to nobody.
TEST_NET = "192.0.2.1"


def _by_socket() -> None:
    with socket.socket() as one:
        one.settimeout(1)
        one.connect((TEST_NET, 80))


def _by_error_number() -> None:
    with socket.socket() as one:
        one.settimeout(1)
        one.connect_ex((TEST_NET, 80))


def _by_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", (TEST_NET, 53))


def _by_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as one:
        one.settimeout(1)
        one.connect(("2001:db8::1", 80))


@pytest.mark.parametrize(
    "reach",
    [
        _by_socket,
        _by_error_number,
        _by_datagram,
        _by_ipv6,
        lambda: requests.get(f"http://{TEST_NET}/", timeout=1),
        lambda: requests.get("http://partner.example/", timeout=1),
        lambda: socket.create_connection(("partner.example", 80), timeout=1),
    ],
)
def test_a_planted_try_at_another_machine_is_refused_and_told(reach: Callable[[], object]) -> None:
    with pytest.raises(loopback.OutsideLoopback):
        reach()
    # What the fixture would fail this test by.
    assert loopback.refused.pop() in (TEST_NET, "2001:db8::1", "partner.example")


def test_this_machine_is_let_through(outside: House) -> None:
    assert requests.get(f"{outside.sandbox_url}/_control/ledger", timeout=5).ok
    assert socket.getaddrinfo("localhost", 80)
    assert not loopback.refused
