"""Notes in the session that the refused release was looked at, so that the strip ticks itself."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from demo.story import SEEN_REFUSAL
from governance.choices import ReleaseState
from governance.models import Release


class StoryMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if (
            match
            and match.view_name == "release"
            and response.status_code == 200
            and not request.session.get(SEEN_REFUSAL)
        ):
            shown = Release.objects.filter(pk=match.kwargs["number"], is_demo=True, state=ReleaseState.BLOCKED)
            if shown.exists():
                request.session[SEEN_REFUSAL] = True
        return response
