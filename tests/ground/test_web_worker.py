"""Clients that send slowly, or nothing at all, against the web server as it is configured."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy import web_worker
from deploy.embedded import free_port

ROOT = Path(__file__).parents[2]
THREADS = 4


def impatient() -> Callable[..., Iterable[bytes]]:
    """An application that reads what it is sent, on a server that waits for a second where ours waits for ten."""
    web_worker.SILENT_S, web_worker.WHOLE_S = 1.0, 3.0

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(length).encode()]

    return application


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a running server with one process of four threads."""
    chosen = free_port()
    served = "tests.ground.test_web_worker:impatient()"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", served],
        cwd=ROOT,
        env=os.environ | {"PORT": str(chosen), "WEB_PROCESSES": "1", "WEB_THREADS": str(THREADS)},
        stdin=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert ask(chosen) == "0"
                break
            except requests.ConnectionError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.05)
        yield chosen
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, body: bytes = b"") -> str:
    """What the server answers to an honest client."""
    return requests.post(f"http://127.0.0.1:{port}/", data=body, timeout=20).text


def crowd(port: int, said: bytes) -> list[socket.socket]:
    """Clients that say this and then nothing more, five for each thread."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(5 * THREADS)]
    for client in clients:
        client.sendall(said)
    return clients


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("said", [b"", HEAD + b"X-More: ", HEAD + b"Content-Length: 1000\r\n\r\nphone=1"])
def test_clients_that_fall_silent_do_not_keep_others_out(port: int, said: bytes) -> None:
    clients = crowd(port, said)
    try:
        assert ask(port, b"honest") == "6"
    finally:
        for client in clients:
            client.close()


def test_a_client_that_drips_is_let_go_of_in_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        begun = time.monotonic()
        assert drip(client, until=begun + 20), "it may drip for ever"
        assert time.monotonic() - begun < 10


def drip(client: socket.socket, until: float) -> bool:
    """Send a byte now and then; True where the server closes the connection meanwhile."""
    while time.monotonic() < until:
        try:
            client.sendall(b"a")
        except ConnectionError:
            return True
        time.sleep(0.2)
    return False


def test_a_large_body_that_arrives_in_pieces_is_taken_whole(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(HEAD + b"Connection: close\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(10):
            client.sendall(b"a" * 100_000)
            time.sleep(0.05)
        client.settimeout(20)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert b"\r\n1000000\r\n" in answer
