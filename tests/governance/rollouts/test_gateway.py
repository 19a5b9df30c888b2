"""The example gateway over real sockets: it verifies, shares out, holds use limits, and refuses the rest."""

import base64
import collections
import datetime as dt
import http.server
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.services.desired import PAYLOAD_TYPE, desired_state, preauth, public_key, signed
from portal.ledger.canonical import canonical_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples" / "gateway"))

import desired
import ed25519
import gateway

NOW = dt.datetime.now(dt.UTC)


class Backend(http.server.BaseHTTPRequestHandler):
    seen: list

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append(self.headers.get("X-Gatehouse-Shadow"))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args):
        pass


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def backends():
    servers = {}
    for version in ("1.0.0", "2.0.0"):
        handler = type("B", (Backend,), {"seen": []})
        servers[version] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers[version].url = serve(servers[version])
    yield servers
    for server in servers.values():
        server.shutdown()
        server.server_close()


def target(version, share, role="live", **limits):
    none = dict.fromkeys(("uses", "regions", "populations", "highest_volume", "valid_until"))
    return {"version": version, "share": share, "role": role, "digest": version, "limits": none | limits}


def document(*targets, shadow=(), **more):
    return {
        "schema": desired.SCHEMA,
        "endpoint": "e",
        "issued_at": NOW.isoformat(),
        "expires_at": (NOW + dt.timedelta(hours=1)).isoformat(),
        "suspended": not targets,
        "targets": list(targets),
        "shadow": list(shadow),
    } | more


KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()


def envelope(doc, key=KEY):
    payload = canonical_bytes(doc)
    sig = base64.b64encode(key.sign(preauth(PAYLOAD_TYPE, payload))).decode()
    body = base64.b64encode(payload).decode()
    return {"payloadType": PAYLOAD_TYPE, "payload": body, "signatures": [{"keyid": "k", "sig": sig}]}


@pytest.fixture
def gate(backends):
    holder = desired.Holder("", "", "e", PUBLIC)
    made = gateway.Gate(holder, {name: one.url for name, one in backends.items()}, "eu-central-1")
    server = gateway.server(made, 0)
    made.url = serve(server)
    yield made
    server.shutdown()
    server.server_close()


def post(gate, **headers):
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(f"{gate.url}/predict", data=b"{}", headers=given, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers.get("X-Gatehouse-Version")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["code"]


def test_nothing_is_let_through_before_a_document_is_believed(gate):
    assert post(gate) == (503, "no-desired-state")


def test_shares_are_kept_and_a_unit_stays_with_its_version(gate):
    gate.holder.take(envelope(document(target("2.0.0", 25, "canary"), target("1.0.0", 75, "baseline"))))
    found = collections.Counter(post(gate, X_Gatehouse_Unit=f"u{n}")[1] for n in range(400))
    assert 60 <= found["2.0.0"] <= 140
    assert len({post(gate, X_Gatehouse_Unit="u7") for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("limits", "headers", "expected"),
    [
        ({"uses": ["credit"]}, {}, (403, "uses-limited")),
        ({"uses": ["credit"]}, {"X_Gatehouse_Use": "hiring"}, (403, "uses-limited")),
        ({"uses": ["credit"]}, {"X_Gatehouse_Use": "credit"}, (200, "1.0.0")),
        ({"regions": ["us-east-1"]}, {}, (403, "regions-limited")),
        ({"regions": ["eu-central-1"]}, {}, (200, "1.0.0")),
        ({"populations": ["adults"]}, {"X_Gatehouse_Population": "minors"}, (403, "populations-limited")),
        ({"valid_until": "2020-01-01T00:00:00.000000Z"}, {}, (403, "over")),
    ],
)
def test_use_limits_hold(gate, limits, headers, expected):
    gate.holder.take(envelope(document(target("1.0.0", 100, **limits))))
    assert post(gate, **headers) == expected


def test_volume_is_counted(gate):
    gate.holder.take(envelope(document(target("1.0.0", 100, highest_volume=3))))
    assert [post(gate)[0] for _ in range(5)] == [200, 200, 200, 429, 429]


def test_suspended_unknown_and_expired_refuse(gate):
    gate.holder.take(envelope(document()))
    assert post(gate) == (503, "suspended")
    gate.holder.take(envelope(document(target("3.0.0", 100))))
    assert post(gate) == (503, "no-backend")
    gate.holder.take(envelope(document(target("1.0.0", 100), expires_at=NOW.isoformat())))
    assert post(gate) == (503, "no-desired-state")


def test_shadow_gets_a_copy_and_the_caller_the_answer_of_what_is_live(gate, backends):
    gate.holder.take(envelope(document(target("1.0.0", 100), shadow=[target("2.0.0", 0, "shadow")])))
    assert post(gate) == (200, "1.0.0")
    seen = backends["2.0.0"].RequestHandlerClass.seen
    ends = time.monotonic() + 5
    while not seen and time.monotonic() < ends:
        time.sleep(0.02)
    assert seen == ["1"]


def refused(made):
    with pytest.raises(desired.NotBelieved):
        desired.Holder("", "", "e", PUBLIC).take(made)


def test_what_is_not_signed_by_the_portal_is_not_believed():
    good = document(target("1.0.0", 100))
    refused(envelope(good, Ed25519PrivateKey.generate()))
    refused(envelope(good) | {"payload": envelope(document(target("2.0.0", 100)))["payload"]})
    refused(envelope(good) | {"payloadType": "text/plain"})
    refused(envelope(good) | {"signatures": []})
    refused({})


def test_another_endpoint_odd_shares_and_older_documents_are_not_believed():
    refused(envelope(document(target("1.0.0", 100), endpoint="other")))
    refused(envelope(document(target("1.0.0", 60))))
    refused(envelope(document(target("1.0.0", 100), suspended=True)))
    holder = desired.Holder("", "", "e", PUBLIC)
    holder.take(envelope(document(target("1.0.0", 100))))
    with pytest.raises(desired.NotBelieved):
        holder.take(envelope(document(issued_at=(NOW - dt.timedelta(minutes=10)).isoformat())))
    assert holder.current(NOW)["targets"]


def test_fetch_uses_the_etag():
    made, asked = envelope(document(target("1.0.0", 100))), []

    class Portal(Backend):
        def do_GET(self):
            asked.append(self.headers.get("If-None-Match"))
            body = b"" if asked[-1] == '"one"' else json.dumps(made).encode()
            self.send_response(200 if body else 304)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    holder = desired.Holder(serve(server), "token", "e", PUBLIC)
    assert (holder.fetch(), holder.fetch(), asked) == (True, False, [None, '"one"'])
    server.shutdown()
    server.server_close()


def test_the_portals_own_document_is_believed(way):
    made, etag = signed(desired_state(way.house.endpoint))
    key = base64.b64decode(public_key()["public_key"])
    holder = desired.Holder("", "", way.house.endpoint.name, key)
    holder.take(made, etag)
    assert holder.current(way.clock.at)["targets"][0]["version"] == "1.0.0"


@settings(max_examples=15, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_ed25519_agrees_with_cryptography(seed, message, bit):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert ed25519.verify(public, message, signature)
    spoiled = bytearray(signature)
    spoiled[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verify(public, message, bytes(spoiled))
    assert not ed25519.verify(public, message + b"x", signature)
