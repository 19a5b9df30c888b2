"""Receivers that really listen: an HTTP server that can misbehave, and a mail server that keeps what it is sent."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What came in, and how the next calls are answered: a status, or hang, huge, drip, redirect."""

    url: str = ""
    mode: str | int = 200
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    landed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.calls]


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.calls.append(({key.lower(): value for key, value in self.headers.items()}, body))
            if receiver.mode == "hang":
                receiver.over.wait(30)
                return
            if receiver.mode == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not receiver.over.wait(0.05):
                    try:
                        self.wfile.write(b"X")
                    except OSError:
                        return
                return
            if receiver.mode == "redirect":
                self.send_response(302)
                self.send_header("Location", f"{receiver.url}/elsewhere")
                self.end_headers()
                return
            self.send_response(200 if receiver.mode == "huge" else receiver.mode)
            for key, value in receiver.headers.items():
                self.send_header(key, value)
            self.end_headers()
            if receiver.mode == "huge":
                try:
                    for _ in range(10_000):
                        self.wfile.write(b"x" * 10_000)
                except OSError:
                    return
            else:
                self.wfile.write(b'{"ok": "said"}')

        def do_GET(self):
            receiver.landed.append(self.path)

        def log_message(self, *args):
            pass

    return Handler


@contextmanager
def receiver():
    found = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        server.shutdown()
        server.server_close()


@dataclass
class MailServer:
    """A small SMTP server (RFC 5321): takes mail, or refuses with the code it is told to."""

    port: int = 0
    refuse: str = ""
    messages: list[email.message.EmailMessage] = field(default_factory=list)

    async def serve(self, reader, writer):
        async def say(text):
            writer.write(f"{text}\r\n".encode())
            await writer.drain()

        await say("220 sink")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                await say("250 sink")
            elif verb == "RCPT" and self.refuse:
                await say(f"{self.refuse} no such person")
            elif verb == "DATA":
                await say("354 go on")
                data = bytearray()
                while (part := await reader.readline()) != b".\r\n":
                    data += part[1:] if part.startswith(b"..") else part
                self.messages.append(email.message_from_bytes(bytes(data), policy=email.policy.default))
                await say("250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 fine")
        writer.close()


@contextmanager
def mail_server():
    found, loop, ready = MailServer(), asyncio.new_event_loop(), threading.Event()

    def run():
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(found.serve, "127.0.0.1", 0))
        found.port = server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        server.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


def wait_for(condition, seconds=5.0):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.02)
    return False
