"""pull, push and status against a server that speaks the portal's two endpoints, and against bad ones."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.gates.bundle import Item, bundle_bytes, fingerprint
from governance.gates.cli import main
from governance.gates.gitinfo import without_login
from governance.gates.remote import Portal, RemoteError, read_token
from governance.gates.sets import load_any
from tests.governance.gates.test_bad_policies import rule
from tests.governance.gates.test_cli import SET

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TOKEN = "gh_only-for-this-test"
ONE = rule('"facts.card.complete"')
TWO = rule('"facts.card.approved"').replace("name: p,", "name: q,")
Run = Callable[..., tuple[int, str, str]]


def item(source: str, number: int = 1) -> Item:
    found = load_any(source)
    kind = "policy" if "kind: Policy\n" in source else "set"
    return Item(kind, found.name, number, found.digest, source)


@dataclass
class Server:
    """A portal in a thread: what it answers, and what it was asked."""

    url: str
    bundle: bytes = b""
    drafts: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    # A path's own answer instead: (status, headers, body).
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    def put(self, *items: Item, key: Ed25519PrivateKey = KEY) -> None:
        self.bundle = bundle_bytes(items, key)


class Handler(BaseHTTPRequestHandler):
    portal: Server

    def log_message(self, *_args: object) -> None:
        """Quiet."""

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _begin(self) -> bool:
        token = self.headers.get("Authorization", "")
        self.portal.asked.append((self.command, self.path, token))
        if self.path in self.portal.answers:
            status, headers, body = self.portal.answers[self.path]
            self._answer(status, body, headers)
        elif token != f"Bearer {TOKEN}":
            self._answer(401, b'{"detail": "The token is not known."}')
        else:
            return True
        return False

    def do_GET(self) -> None:
        if self._begin():
            known = self.path == "/api/v1/policies/bundle"
            self._answer(200 if known else 404, self.portal.bundle if known else b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._begin():
            return
        draft = json.loads(body)
        if "refuse-me" in draft["source"]:
            self._answer(422, json.dumps({"detail": "5:9: not so.", "how": "Mend it."}).encode())
            return
        self.portal.drafts.append(draft)
        number = f"PD-{len(self.portal.drafts)}"
        made = {"id": number, "url": f"/api/v1/policy-drafts/{number}", "state": "draft", "more": 1}
        self._answer(201, json.dumps(made).encode())


@pytest.fixture
def server() -> Iterator[Server]:
    yield from _serve()


@pytest.fixture
def other_server() -> Iterator[Server]:
    yield from _serve()


def _serve() -> Iterator[Server]:
    handler = type("Bound", (Handler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.portal = Server(f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield handler.portal
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GATEHOUSE_TOKEN", TOKEN)
    monkeypatch.delenv("GATEHOUSE_URL", raising=False)

    def carry_out(*arguments: object) -> tuple[int, str, str]:
        code = main([str(one) for one in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return carry_out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "policies"
    found.mkdir()
    return found


# ---------------------------------------------------------------------- pull and status
def test_pull_writes_what_is_in_force_and_status_sees_no_difference(run: Run, server: Server, tmp_path: Path) -> None:
    server.put(item(ONE, 3), item(SET))
    folder = tmp_path / "new" / "policies"
    code, out, _ = run("pull", folder, "--url", server.url)
    assert code == 0
    assert f"First use of the key {fingerprint(KEY.public_key().public_bytes_raw())}" in out
    assert (folder / "p.yaml").read_text() == ONE
    assert (folder / "sets" / "strict.yaml").read_text() == SET
    assert (folder / "bundle.json").read_bytes() == server.bundle
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["bundle.json", "p.yaml", "strict.yaml"]
    again = run("pull", folder, "--url", server.url)[1]
    assert "wrote" not in again
    assert "First use" not in again
    for where in ((), ("--url", server.url)):
        assert run("status", folder, *where)[:2] == (0, "No difference: 2 in force.\n")


def test_status_names_each_difference(run: Run, server: Server, folder: Path) -> None:
    server.put(item(ONE, 3), item(TWO), item(SET))
    (folder / "own.yaml").write_text(ONE.replace("complete", "approved"))
    (folder / "set.yaml").write_text(f"# Ours.\r\n{SET}".replace("\n", "\r\n").replace("\r\r", "\r"))
    (folder / "new.yaml").write_text(ONE.replace("name: p,", "name: new,"))
    (folder / "bad.yaml").write_text("rules: [")
    code, out, _ = run("status", folder, "--url", server.url)
    assert code == 1
    assert out.splitlines() == [
        f"{folder / 'bad.yaml'}: cannot be read: Not YAML: expected the node content, but found '<stream end>'.",
        f"{folder / 'new.yaml'}: policy new is not in force",
        f"{folder / 'own.yaml'}: policy p differs from what is in force (version 3)",
        "policy q is in force (version 1) and not in the folder",
        f"{folder / 'set.yaml'}: set strict differs from what is in force (version 1) in tests, comments or layout"
        " only",
    ]
    said = json.loads(run("status", folder, "--url", server.url, "--json")[1])
    assert [one["state"] for one in said["differences"]] == ["broken", "only-here", "changed", "only-there", "text"]


def test_pull_keeps_what_was_changed_here(run: Run, server: Server, folder: Path) -> None:
    server.put(item(ONE))
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.yaml").write_text(ONE)
    assert run("pull", folder, "--url", server.url)[0] == 0
    assert not (folder / "p.yaml").exists()
    newer = ONE.replace("complete", "approved")
    server.put(item(newer, 2))
    # Unchanged since the last pull: the newer text may come.
    assert run("pull", folder, "--url", server.url)[0] == 0
    assert (folder / "deep" / "mine.yaml").read_text() == newer
    (folder / "deep" / "mine.yaml").write_text(f"{newer}# Mine.\n")
    server.put(item(ONE, 3))
    code, _, err = run("pull", folder, "--url", server.url)
    assert (code, f"Changed here since the last pull: {folder / 'deep' / 'mine.yaml'}." in err) == (4, True)
    assert "# Mine." in (folder / "deep" / "mine.yaml").read_text()
    assert run("pull", folder, "--url", server.url, "--force")[0] == 0
    assert (folder / "deep" / "mine.yaml").read_text() == ONE


def test_pull_does_not_write_over_another_policy(run: Run, server: Server, folder: Path) -> None:
    (folder / "p.yaml").write_text(TWO)
    server.put(item(ONE))
    code, _, err = run("pull", folder, "--url", server.url, "--force")
    assert (code, "holds another policy" in err) == (4, True)


def test_digest_pins_what_is_pulled(run: Run, server: Server, folder: Path) -> None:
    server.put(item(ONE))
    digest = json.loads(server.bundle)["digest"]
    assert run("pull", folder, "--url", server.url, "--digest", digest)[0] == 0
    server.put(item(TWO))
    code, _, err = run("pull", folder, "--url", server.url, "--digest", digest)
    assert (code, f"not {digest}" in err, (folder / "q.yaml").exists()) == (4, True, False)


def test_key_that_changed_is_refused_until_it_is_named(run: Run, server: Server, folder: Path, tmp_path: Path) -> None:
    server.put(item(ONE))
    assert run("pull", folder, "--url", server.url)[0] == 0
    other = Ed25519PrivateKey.generate()
    server.put(item(TWO), key=other)
    for verb in ("pull", "status", "push"):
        code, _, err = run(verb, folder, "--url", server.url)
        assert (code, "The bundle is signed by the key SHA256:" in err) == (4, True)
    assert not (folder / "q.yaml").exists()
    (tmp_path / "key").write_text(base64.b64encode(other.public_key().public_bytes_raw()).decode())
    assert run("pull", folder, "--url", server.url, "--key", tmp_path / "key")[0] == 0


def test_server_that_lies_about_a_digest_writes_nothing(run: Run, server: Server, folder: Path) -> None:
    server.put(Item("policy", "p", 1, "a" * 64, ONE))
    code, _, err = run("pull", folder, "--url", server.url)
    assert (code, "digest of p is not that of its text" in err, list(folder.iterdir())) == (4, True, [])


def test_status_without_a_portal_needs_a_pull(run: Run, folder: Path) -> None:
    code, _, err = run("status", folder)
    assert (code, "Pull first" in err) == (4, True)
    (folder / "bundle.json").write_text("{")
    assert run("status", folder)[0] == 4


# ---------------------------------------------------------------------- push
def git(folder: Path, *arguments: str) -> str:
    person = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    found = subprocess.run(
        ["git", "-C", str(folder), *person, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
    )
    return found.stdout.strip()


@pytest.fixture
def checkout(folder: Path) -> Path:
    assert shutil.which("git")
    git(folder.parent, "init", "-q")
    git(folder.parent, "remote", "add", "origin", "https://me:secret@git.example:8443/risk/policies.git")
    (folder / "p.yaml").write_text(ONE.replace("complete", "approved"))
    (folder / "q.yaml").write_text(TWO)
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "Approval is asked for", "-m", "More words.")
    return folder


def test_push_sends_what_differs_with_its_commit(run: Run, server: Server, checkout: Path) -> None:
    server.put(item(ONE), item(TWO), item(SET))
    code, out, _ = run("push", checkout, "--url", server.url, "--dry-run")
    assert (code, server.drafts) == (0, [])
    code, out, _ = run("push", checkout, "--url", server.url)
    assert code == 0
    (draft,) = server.drafts
    assert draft == {
        "source": ONE.replace("complete", "approved"),
        "reason": "Approval is asked for",
        "git": {
            "commit": git(checkout, "rev-parse", "HEAD"),
            "path": "policies/p.yaml",
            "remote": "https://git.example:8443/risk/policies.git",
        },
    }
    assert out.splitlines() == [
        f"{checkout / 'p.yaml'}: draft PD-1 {server.url}/api/v1/policy-drafts/PD-1",
        "set strict is in force (version 1) and not in the folder",
    ]


def test_push_sends_only_what_is_committed(run: Run, server: Server, checkout: Path) -> None:
    server.put(item(ONE))
    (checkout / "p.yaml").write_text(f"{ONE}# More.\n")
    code, _, err = run("push", checkout, "--url", server.url)
    assert (code, "not committed as it stands" in err, server.drafts) == (4, True, [])
    assert run("push", checkout, "--url", server.url, "--allow-dirty", "--reason", "Trying")[0] == 0
    assert [set(one) for one in server.drafts] == [{"source", "reason"}] * 2
    assert server.drafts[0]["reason"] == "Trying"


def test_push_outside_of_git_needs_a_reason(run: Run, server: Server, folder: Path) -> None:
    server.put()
    (folder / "p.yaml").write_text(ONE)
    code, _, err = run("push", folder, "--url", server.url)
    assert (code, "Give --reason" in err) == (4, True)
    assert run("push", folder, "--url", server.url, "--reason", "New")[0] == 0
    assert server.drafts == [{"source": ONE, "reason": "New"}]
    server.put(item(ONE))
    assert run("push", folder, "--url", server.url, "--reason", "New")[:2] == (0, "Nothing to send.\n")


def test_refused_draft_is_reported_and_the_others_are_sent(run: Run, server: Server, folder: Path) -> None:
    server.put()
    (folder / "p.yaml").write_text(f"{ONE}# refuse-me\n")
    (folder / "q.yaml").write_text(TWO)
    code, out, _ = run("push", folder, "--url", server.url, "--reason", "New")
    assert (code, len(server.drafts)) == (1, 1)
    assert f"{folder / 'p.yaml'}: refused: 422: 5:9: not so. Mend it." in out


def test_broken_file_is_never_sent(run: Run, server: Server, folder: Path) -> None:
    server.put()
    (folder / "p.yaml").write_text(ONE)
    (folder / "z.yaml").write_text("rules: [")
    assert run("push", folder, "--url", server.url, "--reason", "New")[0] == 4
    assert (server.drafts, server.asked) == ([], [])


# ---------------------------------------------------------------------- the connection
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, {}, b'{"detail": "The token is not known."}'), "401: The token is not known."),
        ((403, {}, b"<html>"), "403: The token may not do this."),
        ((404, {}, b""), "404: The portal has no such API."),
        ((500, {}, b"[1]"), "500: The portal refused."),
        ((200, {}, b"garbage"), "not JSON"),
        ((200, {}, b"{}"), "no bundle"),
        ((302, {"Location": "/api/v1/policies/bundle"}, b""), "redirects in a circle"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "redirects in a circle, or to no http"),
        ((302, {"Location": "https://127.0.0.1/api"}, b""), "redirects to https:"),
        ((302, {"Location": "http://example.org/api"}, b""), "redirects to http://example.org"),
    ],
)
def test_bad_answers_are_errors(run: Run, server: Server, folder: Path, answer: Any, says: str) -> None:
    server.answers["/api/v1/policies/bundle"] = answer
    code, _, err = run("pull", folder, "--url", server.url)
    assert (code, says in err, list(folder.iterdir())) == (4, True, []), err
    assert TOKEN not in err


def test_token_never_follows_to_another_host(run: Run, server: Server, other_server: Server, folder: Path) -> None:
    other_server.put(item(ONE))
    server.put()
    (folder / "p.yaml").write_text(ONE)
    elsewhere = f"{other_server.url}/api/v1/policies/bundle"
    server.answers["/api/v1/policies/bundle"] = (307, {"Location": elsewhere}, b"")
    assert run("pull", folder, "--url", server.url)[0] == 4
    server.answers = {"/api/v1/policy-drafts": (307, {"Location": f"{other_server.url}/api/v1/policy-drafts"}, b"")}
    assert run("push", folder, "--url", server.url, "--reason", "New")[0] == 4
    # Within the host a draft is not sent on either: it could be stored twice, or not at all.
    server.answers = {"/api/v1/policy-drafts": (303, {"Location": "/api/v1/policies/bundle"}, b"")}
    assert run("push", folder, "--url", server.url, "--reason", "New")[0] == 4
    assert other_server.asked == []


def test_redirect_within_the_host_is_followed(run: Run, server: Server, folder: Path) -> None:
    server.put(item(ONE))
    server.answers["/old/api/v1/policies/bundle"] = (301, {"Location": "/api/v1/policies/bundle"}, b"")
    assert run("pull", folder, "--url", f"{server.url}/old/")[0] == 0


def test_token_comes_from_the_environment_or_a_file(
    run: Run, server: Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(item(ONE))
    monkeypatch.delenv("GATEHOUSE_TOKEN")
    code, _, err = run("pull", folder, "--url", server.url)
    assert (code, "environment variable GATEHOUSE_TOKEN" in err, server.asked) == (4, True, [])
    monkeypatch.setenv("OURS", TOKEN)
    assert run("pull", folder, "--url", server.url, "--token-env", "OURS")[0] == 0
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("GATEHOUSE_URL", server.url)
    assert run("status", folder, "--token-file", tmp_path / "token")[0] == 0
    for bad in ("a\nb", "é", "", "x y"):
        (tmp_path / "token").write_text(bad)
        with pytest.raises(RemoteError, match="no API token"):
            read_token("NONE", tmp_path / "token")
    with pytest.raises(RemoteError, match="cannot be read"):
        read_token("NONE", tmp_path / "none")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "No portal is named"),
        ("ftp://host", "no http"),
        ("file:///etc/passwd", "no http"),
        ("https://", "no http"),
        ("https://user:pass@host", "more than a host"),
        ("https://host/?a=1", "more than a host"),
        ("https://host:0", "no http"),
        ("https://host:999999", "no URL"),
        ("http://gatehouse.example", "in the clear"),
        ("http://127.0.0.1:1", "cannot be reached"),
    ],
)
def test_address_is_checked_before_the_token_leaves(run: Run, folder: Path, url: str, says: str) -> None:
    code, _, err = run("pull", folder, "--url", url)
    assert (code, says in err) == (4, True), err


def test_proxy_is_not_asked_about_this_machine(
    run: Run, server: Server, other_server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(item(ONE))
    monkeypatch.setenv("http_proxy", other_server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert run("pull", folder, "--url", server.url)[0] == 0
    assert other_server.asked == []


def test_server_that_hangs_is_left() -> None:
    from socket import create_server

    with create_server(("127.0.0.1", 0)) as listening:
        portal = Portal(f"http://127.0.0.1:{listening.getsockname()[1]}", TOKEN, timeout=0.2)
        with pytest.raises(RemoteError, match="cannot be reached"):
            portal.bundle()


def test_answer_to_a_draft_is_read_strictly(server: Server) -> None:
    portal = Portal(server.url, TOKEN)
    for body in (b"[]", b"{}", b"x", b'{"id": 1}'):
        server.answers["/api/v1/policy-drafts"] = (201, {}, body)
        with pytest.raises(RemoteError, match="not understood"):
            portal.draft("x", reason="y")
    assert portal.absolute("/policies/1") == f"{server.url}/policies/1"
    assert portal.absolute("https://elsewhere.example/") == ""


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://me:secret@git.example/a.git", "https://git.example/a.git"),
        ("https://token@[::1]:8443/a.git?x=1", "https://[::1]:8443/a.git"),
        ("git@git.example:risk/policies.git", "git@git.example:risk/policies.git"),
        ("ssh://git@git.example/a.git", "ssh://git.example/a.git"),
        ("https://host:x/a", ""),
    ],
)
def test_remote_is_named_without_its_login(remote: str, shown: str) -> None:
    assert without_login(remote) == shown
