"""The least SMS gateway that both sides call: takes Aliyun's SendSms at once, and tells what it took and when.

``python -m benchmarks.gateway`` prints its port. ``GET /taken`` gives ``{calls, distinct, first, last}`` since the last
``GET /forget``; ``first`` and ``last`` are seconds of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit


class _Taken:
    """The references of the calls that were taken since it was last emptied."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._refs: list[str] = []
        self._first = self._last = 0.0

    def take(self, ref: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            self._first = self._first or self._last
            self._refs.append(ref)

    def told(self) -> dict[str, float]:
        with self._lock:
            return {
                "calls": len(self._refs),
                "distinct": len(set(self._refs)),
                "first": self._first,
                "last": self._last,
            }


TAKEN = _Taken()


class _Caller(socketserver.StreamRequestHandler):
    """One kept connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer requests until the caller hangs up."""
        while line := self.rfile.readline():
            words = line.decode("latin-1").split(" ")
            if len(words) != 3:
                return
            method, target, _ = words
            length = 0
            while (header := self.rfile.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            self.rfile.read(length)
            body = json.dumps(self._answer(method, target)).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

    @staticmethod
    def _answer(method: str, target: str) -> dict[str, object]:
        if method == "GET":
            if target == "/forget":
                TAKEN.forget()
            return {**TAKEN.told()}
        ref = parse_qs(urlsplit(target).query)["OutId"][0]
        TAKEN.take(ref)
        return {"Code": "OK", "Message": "OK", "RequestId": ref, "BizId": f"{ref[:13]}^0"}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def main() -> None:
    """Serve until killed."""
    with _Server(("127.0.0.1", 0), _Caller) as server:
        print(server.server_address[1], flush=True)
        sys.stdout.close()
        server.serve_forever()


if __name__ == "__main__":
    main()
