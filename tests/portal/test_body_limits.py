"""What is refused by the head of a request alone: too large, of unknown length, or a form with files from nobody."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.test.client import FakePayload
from django.urls import URLResolver, get_resolver, reverse

from portal.middleware_body import STREAMED, UPLOADS, limit_for
from tests.factories import people

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
MODEL = {"name": "no-such", "version": "1"}
FORM = "multipart/form-data; boundary=b"


class Unreadable(FakePayload):
    """A body that fails the test when somebody reads it."""

    def read(self, *args: Any) -> bytes:
        raise AssertionError("the body was read")


def send(client: Client, path: str, *, length: int | None = None, method: str = "POST", **extra: Any) -> Any:
    """A request that announces a body and must be answered without it."""
    extra = {"wsgi.input": Unreadable(), "CONTENT_TYPE": "application/json"} | extra
    if length is not None:
        extra["CONTENT_LENGTH"] = str(length)
    return client.generic(method, path, **extra)


def bearer(role: str = "developer") -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {people.token(people.person(role))}"}


def test_api_refuses_a_large_body_by_its_announced_length(client):
    answer = send(client, "/api/v1/releases", length=settings.BODY_MAX_BYTES + 1, **bearer())
    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert body["type"] == "urn:gatehouse:problem:too-large"
    assert (body["limit"], body["announced"]) == (settings.BODY_MAX_BYTES, settings.BODY_MAX_BYTES + 1)


@pytest.mark.parametrize(
    "content_type", ["application/json", FORM, "application/x-www-form-urlencoded", "", "nonsense"]
)
@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/no-such-thing", "/models/new/", "/accounts/login/", "/x"])
def test_nobody_can_send_a_large_body_anywhere(client, path, content_type):
    answer = send(client, path, length=10**12, CONTENT_TYPE=content_type)
    assert answer.status_code == 413


def test_page_says_how_much_is_taken(as_user):
    client = as_user(people.person("model_owner"))
    answer = send(client, reverse("model-new"), length=10**9, CONTENT_TYPE=FORM)
    page = answer.content.decode()
    assert answer.status_code == 413
    assert "The body has 1,000,000,000 bytes, at most 2,097,152 are taken here." in page
    assert "<h1" in page
    assert answer["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["version-new", "version-upload", "bias-new"])
def test_upload_page_refuses_what_is_larger_than_its_setting(as_user, name, settings):
    settings.ARTIFACT_MAX_BYTES = settings.PREDICTIONS_MAX_BYTES = 10**7
    kwargs = {"name": "no-such"} if name == "version-new" else MODEL
    client = as_user(people.person("developer"))
    limit = 10**7 + settings.BODY_MAX_BYTES
    assert send(client, reverse(name, kwargs=kwargs), length=limit + 1, CONTENT_TYPE=FORM).status_code == 413
    # An upload is a form with files; another kind of body at the same address has no reason to be large.
    plain = "application/x-www-form-urlencoded"
    assert send(client, reverse(name, kwargs=kwargs), length=10**7, CONTENT_TYPE=plain).status_code == 413


def test_upload_within_its_setting_is_let_through(as_user):
    client = as_user(people.person("developer"))
    with pytest.raises(AssertionError, match="the body was read"):
        send(client, reverse("version-new", kwargs={"name": "no-such"}), length=10**8, CONTENT_TYPE=FORM)


def test_api_upload_has_the_limit_of_its_setting(client, settings):
    settings.ARTIFACT_MAX_BYTES = 5 * 10**6
    path = "/api/v1/models/m/versions/1/artifacts/w.bin"
    allowed = settings.ARTIFACT_MAX_BYTES + settings.BODY_MAX_BYTES
    assert send(client, path, method="PUT", length=allowed + 1, **bearer()).status_code == 413
    assert send(client, path, method="PUT", length=allowed, **bearer()).status_code == 404


@pytest.mark.parametrize("path", ["/models/new/", "/models/m/versions/new/", "/releases/R-1/decide/", "/people/new/"])
def test_form_with_files_from_nobody_is_refused_unread(client, path):
    answer = send(client, path, length=1000, CONTENT_TYPE=FORM)
    assert answer.status_code == 403
    assert "You were logged out meanwhile" in answer.content.decode()


def test_form_with_files_from_who_may_not_send_it_is_refused_unread(as_user):
    answer = send(as_user(people.person("auditor")), reverse("bias-new", kwargs=MODEL), length=1000, CONTENT_TYPE=FORM)
    assert answer.status_code == 403


def test_api_asks_for_the_token_before_it_reads(client):
    path = "/api/v1/models/m/versions/1/predictions"
    assert send(client, path, length=10**6, CONTENT_TYPE=FORM).status_code == 401
    assert send(client, path, length=10**6, CONTENT_TYPE=FORM, HTTP_AUTHORIZATION="Bearer gh_x").status_code == 401
    assert send(client, path, length=10**6, CONTENT_TYPE=FORM, **bearer("auditor")).status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/models/m/versions/1/predictions"])
def test_api_refuses_chunks_where_nothing_counts_them(client, path):
    answer = send(client, path, HTTP_TRANSFER_ENCODING="chunked", **bearer())
    assert (answer.status_code, answer.json()["type"]) == (411, "urn:gatehouse:problem:length-required")


def test_page_refuses_chunks(as_user):
    answer = send(as_user(people.person("developer")), "/models/new/", HTTP_TRANSFER_ENCODING="gzip, chunked")
    assert answer.status_code == 411
    assert "no Content-Length" in answer.content.decode()


def test_chunks_of_an_artifact_are_counted_by_its_service(client):
    path = "/api/v1/models/m/versions/1/artifacts/w.bin"
    assert send(client, path, method="PUT", HTTP_TRANSFER_ENCODING="chunked", **bearer()).status_code == 404


@pytest.mark.parametrize("text", ["-1", "1e9", "٣", "x", "9" * 40, "1 1", "+5"])
def test_nonsense_as_length_opens_nothing(client, text):
    answer = client.generic(
        "POST", "/api/v1/models", **{"CONTENT_LENGTH": text, "wsgi.input": io.BytesIO()}, **bearer()
    )
    assert answer.status_code in (400, 403, 413, 422)


def test_form_of_usual_size_comes_through(as_user):
    client = as_user(people.person("admin"))
    given = {"slug": "credit", "name": "Credit"}
    assert client.post(reverse("team-new"), given).status_code == 303


def names(resolver: Any = None) -> Any:
    for entry in (resolver or get_resolver()).url_patterns:
        yield from names(entry) if isinstance(entry, URLResolver) else [(entry.name, entry.callback)]


def test_every_upload_is_in_the_table():
    """A page whose template sends files, and an API view that takes them, has its limit; the table names no other."""
    known = dict(names())
    takes = set()
    for name, callback in known.items():
        view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
        parsers = {one.__name__ for one in getattr(view, "parser_classes", ())}
        template = ROOT / "templates" / (getattr(view, "template_name", None) or "none")
        text = template.read_text() if template.is_file() else ""
        if parsers & {"MultiPartParser", "RawParser"} or re.search(r"multipart/form-data|files=(?:1|True|\w)", text):
            takes.add(name)
    assert takes == set(UPLOADS)
    assert set(UPLOADS) >= STREAMED


def test_limits_follow_the_settings(settings):
    settings.BODY_MAX_BYTES, settings.PREDICTIONS_MAX_BYTES = 10, 100
    assert limit_for("bias-new", with_files=True) == 110
    assert limit_for("bias-new", with_files=False) == limit_for("home", with_files=True) == 10
