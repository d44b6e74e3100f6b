"""Tests talk to this machine only: every connection of the test process to another address is refused, and told."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

#: Connections that were tried to reach elsewhere since the run began; a test that swallows the refusal fails by them.
refused: list[str] = []


class OutsideLoopback(RuntimeError):
    """A test tried to reach another machine. No OSError, so that no code takes it for a partner that is away."""


def _elsewhere(address: Any) -> str | None:
    """The host of an address that isn't on this machine; None for one that is."""
    if not isinstance(address, tuple):
        # The path of a Unix socket.
        return None
    host = str(address[0])
    try:
        here = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        here = host in ("localhost", "")
    return None if here else host


def _guarded(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: socket.socket, *given: Any) -> Any:
        address = given[-1]
        host = _elsewhere(address) if self.family in (socket.AF_INET, socket.AF_INET6) else None
        if host is not None:
            refused.append(host)
            # Who tries only expects an OSError, and would leave the socket open.
            self.close()
            raise OutsideLoopback(f"a test tried to reach {host}")
        return real(self, *given)

    return call


def _guarded_lookup(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(host: Any, *given: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and _elsewhere((name, 0)) is not None and not _is_address(name):
            refused.append(name)
            raise OutsideLoopback(f"a test asked where {name} is")
        return real(host, *given, **more)

    return call


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(scope="session", autouse=True)
def stay_on_this_machine() -> Iterator[None]:
    """Refuse connections, datagrams and name look-ups that lead elsewhere, for the whole run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        yield


@pytest.fixture(autouse=True)
def reached_nothing_beyond() -> Iterator[None]:
    """Fail the test during which something tried to reach another machine, even where nobody heard the refusal."""
    before = len(refused)
    yield
    assert not refused[before:], f"tried to reach {refused[before:]}"
