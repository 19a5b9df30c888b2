"""A bundle is whole, signed by the key that is trusted, and holds nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.gates.bundle import (
    BundleError,
    Item,
    bundle_bytes,
    bundle_document,
    fingerprint,
    read_bundle,
    read_key,
    verify_bundle,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
ITEMS = [Item("set", "a", 1, "a" * 64, "kind: PolicySet\n"), Item("policy", "b", 3, "b" * 64, "kind: Policy — é\n")]


def test_bundle_comes_back_in_order_and_is_the_same_bytes_each_time() -> None:
    data = bundle_bytes(ITEMS, KEY)
    found = verify_bundle(data, PUBLIC)
    assert found.policies == (ITEMS[1], ITEMS[0])
    assert found.find("policy", "b") == ITEMS[1]
    assert found.find("policy", "a") is None
    assert bundle_bytes(reversed(ITEMS), KEY) == data
    assert verify_bundle(data, PUBLIC.public_bytes_raw()).digest == found.digest
    assert verify_bundle(bundle_bytes([], KEY), PUBLIC).policies == ()


def test_how_it_is_written_does_not_count() -> None:
    doc = bundle_document(ITEMS, KEY)
    spaced = json.dumps(dict(reversed(doc.items())), indent=3, ensure_ascii=True)
    assert verify_bundle(spaced, PUBLIC) == verify_bundle(bundle_bytes(ITEMS, KEY), PUBLIC)


def test_another_key_is_named() -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(BundleError, match="not by SHA256:"):
        verify_bundle(bundle_bytes(ITEMS, other), PUBLIC)
    # It claims the trusted key and was signed by another.
    doc = bundle_document(ITEMS, other)
    doc["signature"]["key"] = bundle_document(ITEMS, KEY)["signature"]["key"]
    with pytest.raises(BundleError, match="signature is wrong"):
        verify_bundle(json.dumps(doc), PUBLIC)


def _changed(**more: Any) -> dict[str, Any]:
    return bundle_document(ITEMS, KEY) | more


def _item(**more: Any) -> dict[str, Any]:
    doc = bundle_document(ITEMS, KEY)
    doc["policies"][0] |= more
    return doc


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ([], "no bundle"),
        (_changed(schema="gatehouse.policy-bundle/2"), "no bundle"),
        (_changed(digest="0" * 64), "digest is not that"),
        (_changed(more=1), "other keys"),
        (_changed(policies={}), "policies is no list"),
        (_changed(policies=[1]), "no dict"),
        (_changed(signature=None), "no dict"),
        (_changed(signature={"algorithm": "none", "key": "", "value": ""}), "not signed with Ed25519"),
        (_changed(signature={"algorithm": "Ed25519", "key": "AA==", "value": "AA=="}), "1 bytes instead of 32"),
        (_changed(signature={"algorithm": "Ed25519", "key": 7, "value": "x"}), "not base64"),
        (_item(source="kind: Other\n"), "digest is not that"),
        (_item(number=2), "digest is not that"),
        (_item(number=True), "no version number"),
        (_item(number=0), "no version number"),
        (_item(number=10**30), "no version number"),
        (_item(source="\ud800"), "canonical JSON"),
        (_item(name="../../etc/passwd"), "is no policy"),
        (_item(kind="secret"), "is no policy"),
        (_item(digest="B" * 64), "is no policy"),
        (_item(kind="set", name="a"), "twice"),
        (_item(extra=1), "other keys"),
        (_item(source=None), "source is no str"),
    ],
)
def test_what_is_wrong_is_said(doc: Any, says: str) -> None:
    with pytest.raises(BundleError, match=says):
        verify_bundle(json.dumps(doc), PUBLIC)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"schema": 1, "schema": 2}', "a key twice"),
        (b'{"schema": NaN}', "NaN"),
        (b"x" * (33 * 1024 * 1024), "the limit is"),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(BundleError, match=says):
        read_bundle(data)


def test_nothing_wrong_is_signed() -> None:
    with pytest.raises(BundleError, match="twice"):
        bundle_bytes([ITEMS[0], replace(ITEMS[0], number=2)], KEY)
    with pytest.raises(BundleError, match="is no policy"):
        bundle_bytes([replace(ITEMS[0], name="A B")], KEY)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_byte_of_what_is_signed_can_be_changed(data: st.DataObject) -> None:
    signed = bytearray(bundle_bytes(ITEMS, KEY))
    place = data.draw(st.integers(0, len(signed) - 1))
    signed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = verify_bundle(bytes(signed), PUBLIC)
    except BundleError:
        return
    # What still verifies says the same: white space, another spelling of the same text.
    assert found == verify_bundle(bundle_bytes(ITEMS, KEY), PUBLIC)


def test_key_is_read_as_pem_and_as_base64() -> None:
    pem = PUBLIC.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    raw = PUBLIC.public_bytes_raw()
    assert read_key(pem) == raw
    assert read_key(bundle_document(ITEMS, KEY)["signature"]["key"] + "\n") == raw
    assert fingerprint(raw).startswith("SHA256:")
    other = generate_private_key(SECP256R1()).public_key()
    ec = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for text, says in ((ec, "no Ed25519"), ("-----BEGIN X", "no PEM"), ("AAAA", "instead of 32"), ("é", "not base64")):
        with pytest.raises(BundleError, match=says):
            read_key(text)
