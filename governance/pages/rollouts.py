"""The rollout of a release as a panel on its page, and the page that closes the draft of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from governance.canary import Answer
from governance.models import IncidentDraft, Release, Rollout, RolloutState, RolloutStep
from governance.pages import extensions
from governance.pages.forms_rollouts import OutcomeForm
from governance.selectors_rollouts import incident_drafts_for, judgement_now
from governance.services.incidents import close_draft
from governance.services.rollout_plans import approved_share
from governance.services.rollout_reading import Judgement
from governance.services.rollout_state import share_of
from portal.access import Permission, can
from portal.accounts.models import User
from portal.errors import NotFound
from portal.pages.base import ActPage

LOOKS = {"pass": ("pass", "Below the tolerance"), "breach": ("fail", "Breach")}
MORE = ("warn", "Not enough evidence")


@dataclass(frozen=True)
class Line:
    """A metric as the panel draws it: the ratio with its interval against the tolerance, and the same in words."""

    name: str
    look: str
    word: str
    ratio: float | None
    lower: float | None
    upper: float | None
    limit: float
    stop: float
    words: str
    counts: str


def rollout_panel(request: HttpRequest, release: Release) -> tuple[str, Mapping[str, Any]] | None:
    """The panel; none for a release without a plan."""
    if not hasattr(release, "rollout"):
        return None
    rollout: Rollout = release.rollout
    actor: User = request.user  # type: ignore[assignment]
    judgement = judgement_now(rollout)
    steps = list(rollout.steps.order_by("number"))
    drafts = incident_drafts_for(actor, release)
    readings = [one.document() for one in judgement.readings] if judgement else _last(drafts)
    context = {
        "rollout": rollout,
        "answer": _answer(rollout, judgement),
        "reasons": [one.message for one in judgement.reasons] if judgement else [],
        "steps": [(step, _step_look(rollout, step), _step_words(rollout, step)) for step in steps],
        "lines": [_line(one) for one in readings],
        "share": share_of(rollout),
        "approved": approved_share(rollout),
        "level": 1 - rollout.alpha / len(steps) / max(1, len(rollout.metrics)),
        "limits": [(name.replace("_", " "), _shown(value)) for name, value in sorted(rollout.limits.items())],
        "drafts": drafts,
        "may_close": can(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id),
    }
    return "governance/parts/rollout.html", context


def _last(drafts: list[IncidentDraft]) -> list[dict[str, Any]]:
    """The numbers of the breach, where the rollout is over."""
    return drafts[0].readings if drafts else []


def _answer(rollout: Rollout, judgement: Judgement | None) -> tuple[str, str]:
    """(tone, the first line of the panel): where the rollout is and whether it may go on."""
    if rollout.state == RolloutState.ROLLED_BACK:
        return "fail", "Rolled back by itself: " + " ".join(one["message"] for one in rollout.reasons)
    if rollout.state == RolloutState.DONE:
        return "pass", "Done: all traffic goes to this version, and the burn-in is over."
    if rollout.state == RolloutState.ENDED:
        return "idle", "Ended with its release."
    if judgement is None:
        return "idle", "Planned: the deployer has not asked for the first step."
    at = f"At {share_of(rollout)} %" if share_of(rollout) else "Shadow traffic only"
    if judgement.answer == Answer.YES:
        after = "the burn-in is done" if rollout.state == RolloutState.BURN_IN else "it may go on"
        return "pass", f"{at}: every metric is below its tolerance, {after}."
    if judgement.answer == Answer.ROLL_BACK:
        return "fail", f"{at}: it is about to be rolled back."
    return "warn", f"{at}: it waits."


def _step_look(rollout: Rollout, step: RolloutStep) -> str:
    if step.number < rollout.position or (step.number == rollout.position and rollout.state == RolloutState.DONE):
        return "done"
    if step.number == rollout.position:
        return "stopped" if rollout.is_over else "now"
    return "next"


def _step_words(rollout: Rollout, step: RolloutStep) -> str:
    least = f"at least {step.least_minutes:,} min and {step.least_requests:,} requests"
    if step.share == 100 and rollout.burn_in_minutes:
        least += f", burn-in {rollout.burn_in_minutes:,} min"
    return least


def _line(one: Mapping[str, Any]) -> Line:
    look, word = LOOKS.get(one["state"], MORE)
    of = "the baseline" if one["against"] == "baseline" else "its limit"
    upper = one["upper"]
    said = "nothing measured yet"
    if one["ratio"] is not None:
        ends = f"{one['lower'] or 0:.2f} to {upper:.2f}" if upper is not None else "no upper end yet"
        said = f"{one['ratio']:.2f} × {of}, {ends}; tolerated {one['tolerance']:g}"
    if one["state"] == "not_enough_evidence":
        said += _need(one)
    counts = f"{one['canary_bad']:,} of {one['canary_n']:,}"
    if one["against"] == "baseline":
        counts += f", baseline {one['baseline_bad']:,} of {one['baseline_n']:,}"
    stop = max(2 * one["tolerance"], min(1.1 * (upper or 0.0), 12.0))
    return Line(
        one["metric"], look, word, one["ratio"], one["lower"] or 0, upper or stop, one["tolerance"], stop, said, counts
    )


def _need(one: Mapping[str, Any]) -> str:
    if not one["to_pass"]:
        return ". More requests are needed"
    found = f"; {one['to_find']:,} to find {one['effect']:g} ×" if one["to_find"] else ""
    return f". About {one['to_pass']:,} more requests to pass{found}"


def _shown(value: Any) -> str:
    """A limit in words: a list, a count, or the day of a moment."""
    return ", ".join(value) if isinstance(value, list) else f"{value:,}" if isinstance(value, int) else str(value)[:10]


class IncidentClosePage(ActPage):
    permission = Permission.GOVERNANCE_RELEASE_DECIDE
    nav = "releases"
    template_name = "governance/incident_close.html"
    form_class = OutcomeForm
    success_message = "The draft is closed."

    @property
    def draft(self) -> IncidentDraft:
        rows = IncidentDraft.objects.visible_to(self.actor).select_related(
            "release__version__model", "release__endpoint"
        )
        found = rows.filter(pk=int(self.kwargs["pk"])).first()
        if found is None:
            raise NotFound("There is no such draft.", code="not-found", how="Open the release and follow its link.")
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        draft = self.draft
        lines = [_line(one) for one in draft.readings]
        return super().get_context_data(draft=draft, release=draft.release, lines=lines, **kwargs)

    def act(self, form: OutcomeForm) -> str:
        draft = close_draft(self.draft, actor=self.actor, outcome=form.cleaned_data["outcome"])
        return reverse("release", kwargs={"number": draft.release_id}) + "#rollout"


extensions.register(rollout_panel)
