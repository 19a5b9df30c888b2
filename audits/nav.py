"""Menu entries and panels of this app; importing this module registers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from audits import selectors
from audits.pages.comparison import worst_pairs
from catalog.choices import EvidenceKind
from catalog.models import ModelVersion
from catalog.pages import extensions as version_page
from governance.models import Release
from governance.pages import extensions as release_page
from portal.access import Permission, can
from portal.accounts.models import User
from portal.shell import nav

nav.register("Governance", "Bias reports", "bias-reports", "scale", "g b", Permission.CATALOG_MODEL_READ)
nav.register("Assurance", "Evidence packs", "evidence-packs", "package", "g k", Permission.AUDITS_EVIDENCE_PACK_READ)


def _actor(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]


def pack_panel(request: HttpRequest, release: Release) -> tuple[str, Mapping[str, Any]] | None:
    """Evidence packs of a release: the newest with its state, and the button that makes one."""
    actor, team = _actor(request), release.version.model.team_id
    if not can(actor, Permission.AUDITS_EVIDENCE_PACK_READ, team):
        return None
    may_make = can(actor, Permission.AUDITS_EVIDENCE_PACK_CREATE, team) and release.decision_id is not None
    return "audits/pack_panel.html", {"packs": list(selectors.packs_of(release)[:3]), "may_make_pack": may_make}


def bias_panel(request: HttpRequest, version: ModelVersion) -> tuple[str, Mapping[str, Any]] | None:
    """Bias tests of a version: its reports, runs without a result, and the way to a new test."""
    actor, team = _actor(request), version.model.team_id
    reports = version.evidence.filter(kind=EvidenceKind.BIAS).select_related("recorded_by").order_by("-pk")[:5]
    panel = {
        "bias_reports": list(reports),
        "bias_runs": list(selectors.open_runs_of(version)[:5]),
        "may_test": can(actor, Permission.AUDITS_TEST_RUN_CREATE, team),
    }
    return "audits/version_panel.html", {"panel": panel, "version": version}


release_page.register(pack_panel)
release_page.register_comparison(worst_pairs)
version_page.register(bias_panel)
