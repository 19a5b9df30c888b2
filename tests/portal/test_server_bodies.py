"""The same refusals from the real server, byte by byte: what a client is told before it sends a body."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from portal.accounts.models import User
from tests import databases
from tests.conftest import ROOT, free_port
from tests.factories import catalog, people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
FORM = "Content-Type: multipart/form-data; boundary=b"
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def server(django_db_setup: None, private_var: Path) -> Iterator[int]:
    """gunicorn as the launcher runs it, on this test's database; its port."""
    port = free_port()
    env = os.environ | {
        "DATABASE_URL": databases.url_for(connection.settings_dict["NAME"], role="app"),
        "GATEHOUSE_VAR": str(settings.VAR_DIR),
        "GATEHOUSE_WEB_WORKERS": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "portal.wsgi:application", "-c", "portal/gunicorn.py"]
    child = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}"], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, child)
        yield port
    finally:
        child.terminate()
        child.wait(20)


def wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert child.poll() is None, "gunicorn did not start"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("gunicorn does not answer")


class Wire:
    """One connection, spoken by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)

    def head(self, line: str, *headers: str) -> Wire:
        text = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""])
        self.socket.sendall(text.encode())
        return self

    def send(self, data: bytes) -> Wire:
        self.socket.sendall(data)
        return self

    def answer(self) -> tuple[int, bytes]:
        """(status, head and body) of the next answer; an interim one has no body."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = self.socket.recv(1)
            assert piece, f"the connection ended after {text!r}"
            text += piece
        status = int(text.split(b" ", 2)[1])
        lengths = [line for line in text.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        left = int(lengths[0].split(b":")[1]) if lengths and status >= 200 else 0
        while left > 0:
            piece = self.socket.recv(left)
            assert piece, "the answer is cut off"
            text, left = text + piece, left - len(piece)
        return status, text

    def is_closed(self) -> bool:
        self.socket.settimeout(5)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def token(user: User) -> str:
    return f"Authorization: Bearer {people.token(user)}"


def test_large_body_is_refused_before_it_is_sent(server: int) -> None:
    bearer = token(people.person("developer"))
    for line, kind in (
        ("POST /api/v1/models", JSON),
        ("POST /models/new/", FORM),
        ("POST /accounts/login/", FORM),
        ("POST /no/such/page", JSON),
    ):
        status, text = Wire(server).head(line, kind, bearer, "Content-Length: 5000000000").answer()
        assert status == 413, line
        assert b"too large" in text


def test_client_that_waits_for_continue_is_refused_without_it(server: int) -> None:
    wire = Wire(server).head("POST /api/v1/models", JSON, "Expect: 100-continue", "Content-Length: 5000000000")
    assert wire.answer()[0] == 413
    assert wire.is_closed(), "what follows could be the body or another request"


def test_form_of_nobody_is_refused_without_continue(server: int) -> None:
    wire = Wire(server).head("POST /models/m/versions/new/", FORM, "Expect: 100-continue", "Content-Length: 900000")
    status, text = wire.answer()
    assert (status, b"logged out meanwhile" in text) == (403, True)


def test_token_is_asked_for_before_continue(server: int) -> None:
    line = "POST /api/v1/models/m/versions/1/predictions"
    wire = Wire(server).head(line, FORM, "Expect: 100-continue", "Content-Length: 900000")
    assert wire.answer()[0] == 401


def test_client_that_may_is_told_to_continue_and_keeps_its_connection(server: int) -> None:
    version = catalog.version()
    path = f"/api/v1/models/{version.model.name}/versions/{version.version}/artifacts/weights.bin"
    bearer = token(version.created_by)
    length = f"Content-Length: {len(catalog.CONTENT)}"
    wire = Wire(server).head(f"PUT {path}", bearer, "Expect: 100-continue", length)
    assert wire.answer()[0] == 100
    status, text = wire.send(catalog.CONTENT).answer()
    assert (status, json.loads(text.split(b"\r\n\r\n", 1)[1])["uploaded"]) == (201, True)
    assert wire.head("GET /healthz").answer()[0] == 200


def test_chunks_are_refused_but_where_they_are_counted(server: int) -> None:
    version = catalog.version()
    bearer, chunked = token(version.created_by), "Transfer-Encoding: chunked"
    assert Wire(server).head("POST /api/v1/models", JSON, bearer, chunked).answer()[0] == 411
    assert Wire(server).head("POST /accounts/login/", FORM, chunked).answer()[0] == 411
    path = f"/api/v1/models/{version.model.name}/versions/{version.version}/artifacts/weights.bin"
    good = b"%x\r\n%s\r\n0\r\n\r\n" % (len(catalog.CONTENT), catalog.CONTENT)
    assert Wire(server).head(f"PUT {path}", bearer, chunked).send(good).answer()[0] == 201
    # One that never ends is cut off when it passes the declared size, long before its end.
    wire = Wire(server).head(f"PUT {path}", bearer, chunked)
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = 0
    try:
        for _ in range(1000):
            wire.send(piece)
            sent += len(piece)
    except OSError:
        pass
    assert sent < 200 * len(piece), "more than what the sockets hold"


def test_two_lengths_or_both_ways_of_saying_it_are_refused(server: int) -> None:
    both = Wire(server).head("POST /api/v1/models", JSON, "Content-Length: 5", "Transfer-Encoding: chunked")
    assert both.answer()[0] == 400
    twice = Wire(server).head("POST /api/v1/models", JSON, "Content-Length: 5", "Content-Length: 5000000000")
    assert twice.answer()[0] == 400


@pytest.mark.parametrize("expect", ["Expect: 100-continue", "X-None: 1"])
def test_client_that_sends_while_it_listens_reads_the_refusal(server: int, expect: str) -> None:
    """As curl does: it sends until there is an answer, and reads that whole although its body was not taken."""
    wire = Wire(server).head("POST /api/v1/models", JSON, expect, "Content-Length: 67108864")
    sent = 0
    while sent < 67108864 and not select.select([wire.socket], [], [], 0.01)[0]:
        sent += wire.socket.send(b"x" * 65536)
    status, text = wire.answer()
    assert status == 413
    assert json.loads(text.split(b"\r\n\r\n", 1)[1])["announced"] == 67108864
    assert sent < 67108864


def test_upload_form_of_a_browser_comes_through(server: int) -> None:
    """The good sample: a small multipart form of a person, past the session and the check against forged forms."""
    content = b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\nnobody\r\n--b--\r\n'
    length = f"Content-Length: {len(content)}"
    status, _ = Wire(server).head("POST /accounts/login/", FORM, length).send(content).answer()
    assert status == 403  # read, and refused for its missing CSRF token
