"""One POST to an address that somebody typed: public addresses only, no redirect, one end in time, a bound in size."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

SECONDS = 10.0
MAX_ANSWER = 16 * 1024
SHOWN = 500
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(ValueError):
    """This portal does not call that address; the text says why."""


@dataclass(frozen=True)
class Answer:
    """What came of a call. status 0: no answer; said: the beginning of the body, or why there is none."""

    status: int
    said: str
    ms: int
    retry_after: int | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def parse(url: str) -> SplitResult:
    """The parts of an address that could be called. Raises Refused."""
    if not url.isascii() or any(char <= " " or char == "\x7f" for char in url):
        raise Refused("The address holds a character that cannot be sent. Write it in ASCII, without spaces.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("This is no address.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused("The address begins with https:// or http:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise Refused("The address holds a user name or password. The signature says who calls.")
    if port == 0 or parts.fragment:
        raise Refused("The address has a port 0 or a fragment, which cannot be called.")
    return parts


def _embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if carried is None and address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return carried
    return address


def is_allowed(text: str) -> bool:
    """Whether this IP address may be called: a public one, or one of the networks that the settings name."""
    try:
        address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if any(address in ipaddress.ip_network(network) for network in settings.WEBHOOK_NETWORKS):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve(host: str, port: int) -> str:
    """One address of the host. Raises Refused where any of them is not public: a name that leads both ways is odd."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(f"The host {host} is not known to the name service.") from error
    addresses = [str(row[4][0]) for row in found]
    if not addresses or not all(is_allowed(one) for one in addresses):
        raise Refused(f"{host} leads to an address inside this network, which is not called.")
    return addresses[0]


def post(url: str, body: bytes, headers: dict[str, str], *, seconds: float = SECONDS) -> Answer:
    """Send the body once. Never raises: what went wrong is in the answer."""
    began = time.monotonic()
    try:
        parts = parse(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        # The address that was checked is the one that is called: a second look-up could give another.
        address = resolve(parts.hostname or "", port)
        status, said, wait = _call(parts, address, port, body, headers, began + seconds)
    except Refused as error:
        status, said, wait = 0, str(error), None
    except TimeoutError:
        status, said, wait = 0, f"No answer within {seconds:.0f} seconds.", None
    except (OSError, http.client.HTTPException) as error:
        late = time.monotonic() >= began + seconds
        status, wait = 0, None
        said = f"No answer within {seconds:.0f} seconds." if late else f"No answer: {type(error).__name__}."
    return Answer(status, said, int((time.monotonic() - began) * 1000), wait)


def _call(
    parts: SplitResult, address: str, port: int, body: bytes, headers: dict[str, str], ends: float
) -> tuple[int, str, int | None]:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    with socket.create_connection((address, port), timeout=left) as raw:
        # A receiver that drips a byte at a time never lets a read time out; the watch closes the connection.
        left = max(ends - time.monotonic(), 0.01)
        raw.settimeout(left)
        sock, host = raw, parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            sock = context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
        watch = threading.Timer(left, _close, [sock])
        watch.daemon = True
        watch.start()
        try:
            with sock:
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                found = _exchange(parts, sock, body, headers)
                if time.monotonic() >= ends:
                    # What was cut off by the watch reads like an answer that ended.
                    raise TimeoutError
                return found
        finally:
            watch.cancel()


def _close(sock: socket.socket) -> None:
    try:
        # Beneath TLS: its own shutdown would wait for the other side.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _exchange(
    parts: SplitResult, sock: socket.socket, body: bytes, headers: dict[str, str]
) -> tuple[int, str, int | None]:
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.sock = sock
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, body, {**headers, "Host": parts.netloc, "Connection": "close"})
    answer = connection.getresponse()
    said = _words(answer)
    wait = answer.headers.get("Retry-After", "")
    return answer.status, said, int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None


def _words(answer: http.client.HTTPResponse) -> str:
    if 300 <= answer.status < 400:
        return "It redirects to another address, which is not followed."
    found = answer.read(MAX_ANSWER + 1)
    if len(found) > MAX_ANSWER:
        return f"(an answer of more than {MAX_ANSWER} bytes) {_shown(found)}"
    return _shown(found)


def _shown(found: bytes) -> str:
    text = found[:SHOWN].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text).strip()
