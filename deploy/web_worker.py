"""The web server's worker: a client that sends slowly, or nothing, gives its thread back.

Gunicorn's threads read a request without a time limit, so that as many unfinished forms as there are threads would stop
the whole server. A proxy that buffers requests hides that; nothing makes sure that one stands in front.
"""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

from gunicorn.workers import gthread

#: How long nothing may arrive in the midst of a request, or nothing of an answer be taken, in seconds.
SILENT_S = 10.0
#: How long a whole request may take to arrive: a photo of 10 MB over a phone's weak network.
WHOLE_S = 120.0
#: How long a thread waits for the first byte of a new connection before the connection waits without a thread.
FIRST_BYTE_S = 0.1


class BoundedSocket(socket.socket):
    """A client's connection on which a request that does not come to its end is a connection that broke."""

    _until = float("inf")

    @classmethod
    def of(cls, accepted: socket.socket) -> BoundedSocket:
        """The same connection, bounded; ``accepted`` is used up by it."""
        return cls(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())

    def setblocking(self, flag: bool, /) -> None:
        """Gunicorn sets a connection to blocking where a request's turn begins."""
        super().setblocking(flag)
        if flag:
            self.settimeout(SILENT_S)
            self._until = time.monotonic() + WHOLE_S

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """What arrived; ConnectionResetError where the client is too slow."""
        if time.monotonic() > self._until:
            raise ConnectionResetError(errno.ECONNRESET, "the request took too long to arrive")
        try:
            return super().recv(bufsize, flags)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client fell silent") from None


class BoundedWorker(gthread.ThreadWorker):
    """Gunicorn's threaded worker on bounded connections."""

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread."""
        if not isinstance(conn.sock, BoundedSocket):
            conn.sock = BoundedSocket.of(conn.sock)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Serve one request; a connection that is silent so far waits in the poller, not in a thread."""
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(FIRST_BYTE_S):
            return gthread._DEFER
        return super().handle(conn)
