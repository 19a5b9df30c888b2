"""The five steps on the demo's home page. They tick themselves; the strip can be put away."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from demo import story
from portal.shell import home

DISMISSED = "demo_strip_dismissed"


def panel(request: HttpRequest) -> home.Panel | None:
    """The strip, while the demo is here and the reader has not put it away."""
    if request.session.get(DISMISSED) or (found := story.find()) is None:
        return None
    return home.Panel(
        "demo/strip.html",
        {
            "story": found,
            "progress": story.progress(found, request.session),
            "pack": story.newest_pack(found),
            "url": settings.PUBLIC_URL,
        },
        column="top",
    )


home.register(panel, order=1)
