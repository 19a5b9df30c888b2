"""What may answer at an endpoint: one signed document that a gateway obeys and nothing else.

The envelope is DSSE (https://github.com/secure-systems-lab/dsse): the signature covers the very bytes of the payload,
so whoever checks it needs no canonical form. It runs out, so that an old one cannot be played again for long.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from catalog.selectors import live_deployment
from governance.choices import UNDER_WAY, ReleaseState
from governance.models import Release, Rollout
from governance.services.rollout_state import current_step, share_of
from portal import keys
from portal.ledger.canonical import canonical_bytes
from portal.ledger.encoding import instant

KEY_NAME = "desired_state_ed25519.pem"
PAYLOAD_TYPE = "application/vnd.gatehouse.desired-state+json"
SCHEMA = "gatehouse/desired-state/1"
# The document is the same for so long, and holds for so long.
SLOT, HOLDS = timedelta(minutes=10), timedelta(hours=1)


def make_desired_key() -> object:
    """The key that signs desired states, made once."""
    return keys.make_ed25519(KEY_NAME)


def public_key() -> dict[str, str]:
    """What a gateway is given once: {"keyid", "public_key"}; raw Ed25519 in base64, keyid its SHA-256 in hex."""
    raw = (
        keys.load_ed25519(KEY_NAME, "key of desired states")
        .public_key()
        .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    )
    return {"keyid": hashlib.sha256(raw).hexdigest(), "public_key": base64.b64encode(raw).decode()}


def desired_state(endpoint: Endpoint, *, now: datetime | None = None) -> dict[str, Any]:
    """The document: targets whose shares sum to 100, or none and the endpoint is suspended; and shadow traffic."""
    now = now or timezone.now()
    slot = datetime.fromtimestamp(now.timestamp() // SLOT.total_seconds() * SLOT.total_seconds(), tz=now.tzinfo)
    targets, shadow = _targets(endpoint), _shadow(endpoint)
    return {
        "schema": SCHEMA,
        "endpoint": endpoint.name,
        "issued_at": instant(slot),
        "expires_at": instant(slot + HOLDS),
        "suspended": not targets,
        "targets": targets,
        "shadow": shadow,
    }


def signed(document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """(envelope, ETag): the ETag is that of the payload, so it changes when what may answer changes."""
    payload = canonical_bytes(document)
    key = keys.load_ed25519(KEY_NAME, "key of desired states")
    signature = base64.b64encode(key.sign(preauth(PAYLOAD_TYPE, payload))).decode()
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": public_key()["keyid"], "sig": signature}],
    }
    return envelope, f'"{hashlib.sha256(payload).hexdigest()}"'


def preauth(payload_type: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding of DSSE."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _targets(endpoint: Endpoint) -> list[dict[str, Any]]:
    live, rollout = live_deployment(endpoint), _under_way(endpoint)
    share = share_of(rollout) if rollout is not None else 0
    canary = rollout.release if rollout is not None and share else None
    if live is not None and canary is not None and live.version_id == canary.version_id:
        share = 100
    found = []
    if canary is not None and (live is not None or share == 100):
        found.append(_target(canary.version, endpoint, canary, rollout, share, "canary"))
    if live is not None and (canary is None or share < 100):
        release = _release_of(endpoint, live.version)
        plan = Rollout.objects.filter(release=release).first() if release is not None else None
        rest = 100 - (share if canary is not None else 0)
        found.append(_target(live.version, endpoint, release, plan, rest, "baseline" if canary else "live"))
    return found


def _under_way(endpoint: Endpoint) -> Rollout | None:
    rows = Rollout.objects.filter(release__endpoint=endpoint).select_related(
        "release__version__model", "release__decision", "release__endpoint"
    )
    moving = rows.filter(release__state__in=UNDER_WAY)
    return (moving | rows.filter(release__state=ReleaseState.HELD, release__held_from__in=UNDER_WAY)).first()


def _shadow(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Versions that may get copies of requests whose answers reach nobody."""
    rows = Rollout.objects.filter(release__endpoint=endpoint, ended_at=None, position__gt=0).select_related(
        "release__version__model", "release__endpoint"
    )
    found = []
    for rollout in rows.order_by("pk"):
        step = current_step(rollout)
        if step is not None and step.share == 0 and rollout.release.ended_at is None:
            release = rollout.release
            found.append(_target(release.version, endpoint, release, rollout, 0, "shadow"))
    return found


def _release_of(endpoint: Endpoint, version: ModelVersion) -> Release | None:
    return Release.objects.filter(endpoint=endpoint, version=version, live_at__isnull=False).order_by("-pk").first()


def _target(
    version: ModelVersion,
    endpoint: Endpoint,
    release: Release | None,
    rollout: Rollout | None,
    share: int,
    role: str,
) -> dict[str, Any]:
    files = version.artifacts.order_by("name").values("name", "sha256", "size")
    return {
        "role": role,
        "share": share,
        "release": release.public_id if release is not None else None,
        "model": version.model.name,
        "version": version.version,
        "digest": version.digest,
        "artifacts": list(files),
        "limits": limits_of(version, endpoint, rollout),
    }


def limits_of(version: ModelVersion, endpoint: Endpoint, rollout: Rollout | None) -> dict[str, Any]:
    """Use limits: those of the plan, else what the catalog knows; null where nothing limits."""
    given = dict(rollout.limits) if rollout is not None else {}
    return {
        "uses": given.get("uses", sorted(version.model.intended_use) or None),
        "regions": given.get("regions", sorted(endpoint.regions) or None),
        "populations": given.get("populations"),
        "highest_volume": given.get("highest_volume"),
        "valid_until": given.get("valid_until"),
    }
