"""What an event's name says in words. Pure."""

from __future__ import annotations

# Only the names whose parts do not read well by themselves.
_SAID = {
    "governance:release:live": "release went live",
    "governance:release:changes-asked": "changes to a release asked for",
    "ledger:personal:erased": "personal value erased",
    "ledger:backup:restored": "database restored from a backup",
}


def event_words(event: str) -> str:
    """ "governance:release:requested" → "release requested"."""
    if event in _SAID:
        return _SAID[event]
    return " ".join(event.split(":")[1:]).replace("_", " ").replace("-", " ")
