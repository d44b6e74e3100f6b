"""The load generator, a process of its own: sends prepared requests over kept connections, bounded in count and time.

``python -m benchmarks.load PORT CONNECTIONS SECONDS STATUS[,STATUS] < requests.json`` reads a list of whole HTTP/1.1
requests (texts, one byte a character) from stdin and prints one JSON object, the fields of ``Load``. It parses no more
of an answer than status and length, so that next to nothing of what is measured is its own time.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Load:
    """What one run gave: requests answered, seconds, milliseconds of the middle and the slowest twentieth."""

    answered: int
    seconds: float
    p50_ms: float
    p95_ms: float
    #: Answers by status.
    statuses: dict[str, int]
    #: Whether the time ran out before the requests did.
    cut_short: bool
    #: The beginning of the first answer of another status than the expected ones.
    unexpected: str

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return self.answered / self.seconds


class _Connection:
    """One kept connection; opened again where the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; its status and the whole answer."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:end].lower()
        at = head.find(b"content-length:")
        if at < 0:
            raise ValueError("an answer without a length")
        length = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        while len(answer) < length:
            answer += self._more()
        if b"connection: close" in head:
            self._socket.close()
            self._socket = None
        return int(answer[9:12]), answer

    def _more(self) -> bytes:
        assert self._socket is not None  # noqa: S101 - ask() has opened it
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection in the midst of an answer")
        return piece


def send(port: int, requests: list[bytes], connections: int, seconds: float, expected: Collection[int]) -> Load:
    """Send each request once, from ``connections`` threads, for ``seconds`` at most."""
    waiting: Iterator[bytes] = iter(requests)
    lock = threading.Lock()
    took: list[float] = []
    statuses: Counter[str] = Counter()
    unexpected: list[str] = []
    failed: list[BaseException] = []
    ready = threading.Barrier(connections + 1)
    until = [0.0]

    def work() -> None:
        connection = _Connection(port)
        ready.wait()
        try:
            while time.monotonic() < until[0]:
                with lock:
                    request = next(waiting, None)
                if request is None:
                    return
                began = time.monotonic()
                found, answer = connection.ask(request)
                took.append(time.monotonic() - began)
                with lock:
                    statuses[str(found)] += 1
                    if found not in expected and not unexpected:
                        unexpected.append(answer[:2000].decode("utf-8", "replace"))
        except BaseException as fault:
            failed.append(fault)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    until[0] = time.monotonic() + seconds
    began = time.monotonic()
    ready.wait()
    for thread in threads:
        thread.join()
    lasted = time.monotonic() - began
    if failed:
        raise failed[0]
    ordered = sorted(took)
    return Load(
        answered=len(took),
        seconds=lasted,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p95_ms=1000 * ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)],
        statuses=dict(statuses),
        cut_short=len(took) < len(requests),
        unexpected=unexpected[0] if unexpected else "",
    )


def main() -> None:
    """Read the requests, send them, print what came of it."""
    port, connections, seconds = (int(word) for word in sys.argv[1:4])
    expected = {int(word) for word in sys.argv[4].split(",")}
    requests = [text.encode("latin-1") for text in json.load(sys.stdin)]
    print(json.dumps(asdict(send(port, requests, connections, seconds, expected))))


if __name__ == "__main__":
    main()
