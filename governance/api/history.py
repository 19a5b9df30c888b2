"""API: the releases of a model or endpoint, and what was live at an endpoint at a moment, on whose word."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import endpoint_named, model_named, plain
from governance import selectors_history as reads
from governance.choices import ReleaseState
from portal.access import Permission
from portal.api.views import MAX_PAGE_SIZE, PAGE_SIZE, GatehouseView
from portal.errors import InvalidInput

P = Permission
HOW = "Write it as 2026-11-24T10:00:00Z; a plus in an address is written %2B."
FILTERS = [
    OpenApiParameter("state", str, enum=list(ReleaseState.values)),
    OpenApiParameter("from", str, description="Asked for at or after this moment"),
    OpenApiParameter("until", str, description="Asked for before this moment"),
    OpenApiParameter("after", int, description="`next` of the page before"),
    OpenApiParameter("limit", int),
]


class SpanOut(serializers.Serializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)


class GivenOut(serializers.Serializer):
    role = serializers.CharField()
    choice = serializers.CharField(help_text="approve, conditions, changes or reject")
    person = serializers.CharField(source="person.username")
    name = serializers.CharField(source="person.name")
    decided_at = serializers.DateTimeField()
    decision_digest = serializers.CharField()


class ChapterOut(serializers.Serializer):
    release = serializers.CharField(source="release.public_id")
    model = serializers.CharField(source="release.version.model.name")
    version = serializers.CharField(source="release.version.version")
    endpoint = serializers.CharField(source="release.endpoint.name")
    state = serializers.ChoiceField(source="release.state", choices=ReleaseState.choices)
    requested_at = serializers.DateTimeField(source="release.requested_at")
    requested_by = serializers.CharField(source="release.requested_by.username")
    live_at = serializers.DateTimeField(source="release.live_at", allow_null=True)
    ended_at = serializers.DateTimeField(source="release.ended_at", allow_null=True)
    answered = SpanOut(source="spans", many=True)
    approvals = GivenOut(many=True)


class HistoryOut(serializers.Serializer):
    results = ChapterOut(many=True)
    next = serializers.IntegerField(allow_null=True)


class LiveAtOut(serializers.Serializer):
    endpoint = serializers.CharField()
    at = serializers.DateTimeField()
    live = serializers.DictField(
        allow_null=True,
        help_text="null: nothing answered. Else model, version, since, until, opened_by, release, approvals, "
        "conditions, emergency, ledger_entry; release is null where you may not see it.",
    )


def moment_asked(request: Request, name: str) -> Any:
    """The moment of that parameter, or None where it is not given. Raises InvalidInput for what is no moment."""
    text = plain(request.query_params.get(name, ""))[:60].strip()
    if not text:
        return None
    moment = reads.moment_of(text)
    if moment is None:
        raise InvalidInput(f"{text!r} is not a moment.", code="bad-moment", field=name, how=HOW)
    return moment


class _HistoryView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    def page(self, request: Request, **about: Any) -> Response:
        """A page of the time line: five queries however long it is."""
        raw, limit = request.query_params.get("after"), request.query_params.get("limit", PAGE_SIZE)
        try:
            size, after = min(max(int(limit), 1), MAX_PAGE_SIZE), int(raw) if raw else None
        except ValueError as error:
            raise InvalidInput("after and limit are whole numbers.", code="bad-page", field="after") from error
        since, until = moment_asked(request, "from"), moment_asked(request, "until")
        state = request.query_params.get("state", "")
        rows = reads.history(self.actor, state=state, since=since, until=until, **about)
        if after is not None:
            rows = rows.filter(pk__lt=after)
        found = list(rows[: size + 1])
        more, found = len(found) > size, found[:size]
        body = {"results": reads.chapters(found), "next": found[-1].pk if more else None}
        return Response(HistoryOut(body).data)


class ModelHistoryView(_HistoryView):
    @extend_schema(operation_id="models_history", parameters=FILTERS, responses=HistoryOut)
    def get(self, request: Request, model: str) -> Response:
        """Every release of a model, newest first: who asked, who decided what, and when it answered."""
        return self.page(request, model=model_named(self.actor, model))


class EndpointHistoryView(_HistoryView):
    @extend_schema(operation_id="endpoints_history", parameters=FILTERS, responses=HistoryOut)
    def get(self, request: Request, endpoint: str) -> Response:
        """Every release to an endpoint, newest first."""
        return self.page(request, endpoint=endpoint_named(self.actor, endpoint))


class EndpointLiveView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(
        operation_id="endpoints_live",
        parameters=[OpenApiParameter("at", str, description="A moment in ISO 8601; now when it is left out")],
        responses=LiveAtOut,
    )
    def get(self, request: Request, endpoint: str) -> Response:
        """What answered at the endpoint at that moment, and who approved it. A moment to come is refused."""
        row, now = endpoint_named(self.actor, endpoint), timezone.now()
        moment = moment_asked(request, "at") or now
        if moment > now:
            raise InvalidInput("That moment has not come yet.", code="future-moment", field="at", how="Ask about now.")
        answer = reads.answer_at(self.actor, row, moment)
        return Response({"endpoint": row.name, "at": moment, "live": _live(answer)})


def _live(answer: reads.AnswerAt) -> dict[str, Any] | None:
    deployment = answer.deployment
    if deployment is None:
        return None
    release, emergency = answer.release, answer.emergency
    url = f"{settings.PUBLIC_URL}{reverse('release', kwargs={'number': release.pk})}" if release else None
    return {
        "model": deployment.version.model.name,
        "version": deployment.version.version,
        "since": deployment.during.lower,
        "until": deployment.during.upper,
        "opened_by": deployment.release_ref,
        "release": release.public_id if release else None,
        "url": url,
        "requested_by": release.requested_by.username if release else None,
        "approvals": GivenOut(answer.approvals, many=True).data,
        "conditions": [
            {"text": one.text, "owner": one.owner.username, "due_on": one.due_on, "state": one.state}
            for one in answer.conditions
        ],
        "emergency": {"declared_by": emergency.declared_by.username, "state": emergency.state} if emergency else None,
        "ledger_entry": answer.entry,
    }
