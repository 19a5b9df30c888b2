"""What a breach of a rollout tells people: the metric and its numbers, and what was done."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from governance.models import Approval, Rollout
from portal.ledger.models import LedgerEntry
from portal.notices.registry import Draft, register_kind, translate

register_kind("rollout.breach", "A rollout was rolled back by itself", "who asked for it and who approved it")


@translate("governance:rollout:breached")
def on_breach(entry: LedgerEntry) -> Iterator[Draft]:
    rows = Rollout.objects.select_related("release__version__model__team", "release__endpoint")
    rollout = rows.filter(pk=int(entry.subject_id)).first()
    if rollout is None:
        return
    release = rollout.release
    approvers = Approval.objects.filter(release=release).values_list("person_id", flat=True)
    yield Draft(
        type="rollout.breach",
        title=f"{release.public_id}, {release.version} to {release.endpoint.name}: rolled back by itself",
        text=" ".join(one["message"] for one in rollout.reasons),
        path=reverse("release", kwargs={"number": release.pk}) + "#rollout",
        data={
            "release": release.public_id,
            "endpoint": release.endpoint.name,
            "model": release.version.model.name,
            "version": release.version.version,
            "codes": [one["code"] for one in rollout.reasons],
            "metrics": [one["metric"] for one in rollout.reasons if one.get("metric")],
        },
        team=release.version.model.team_id,
        people=sorted({release.requested_by_id, rollout.made_by_id, *approvers}),
    )
