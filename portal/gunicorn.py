"""gunicorn settings: few processes, some threads. Preloading shares the code's memory between workers."""

import os
from collections.abc import Iterator
from typing import Any

workers = int(os.environ.get("GATEHOUSE_WEB_WORKERS", "2"))
threads = int(os.environ.get("GATEHOUSE_WEB_THREADS", "4"))
worker_class = "gthread"
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
accesslog = None
control_socket_disable = True


class WaitingBody:
    """The body of a client that waits for "100 Continue": it is told to go on when the application first reads.

    Left to itself gunicorn tells every client to go on before the application has seen the head, so a body that is
    about to be refused would be sent all the same.
    """

    def __init__(self, body: Any, connection: Any) -> None:
        self._body, self._connection, self._is_asked_for = body, connection, False

    @property
    def failed(self) -> bool:
        """gunicorn reads the rest of a body before it uses a connection again. Of one never asked for, nobody knows
        whether it comes, so the connection must end."""
        return not self._is_asked_for or bool(getattr(self._body, "failed", False))

    def _asked_for(self) -> Any:
        if not self._is_asked_for:
            self._is_asked_for = True
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self._body

    def read(self, *size: Any) -> bytes:
        return bytes(self._asked_for().read(*size))

    def readline(self, *size: Any) -> bytes:
        return bytes(self._asked_for().readline(*size))

    def readlines(self, *hint: Any) -> list[bytes]:
        return list(self._asked_for().readlines(*hint))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


def pre_request(worker: Any, req: Any) -> None:
    """Called with the head of each request, before gunicorn answers its "Expect: 100-continue"."""
    if getattr(req, "_expected_100_continue", False):
        req._expected_100_continue = False
        req.body = WaitingBody(req.body, req.unreader.sock)
