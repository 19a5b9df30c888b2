"""Repeat a stored decision from its own parts and compare the bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from governance.gates.engine import ENGINE
from governance.gates.errors import GateError
from governance.gates.evaluate import evaluate
from governance.gates.facts import parse_facts
from governance.gates.policy import Policy
from governance.gates.sets import GIVEN, PolicySet, load_any


@dataclass(frozen=True)
class Replayed:
    """identical: the same bytes under the same engine. engine_differs: equality of bytes is not claimed then."""

    identical: bool
    verdict_equal: bool
    engine_differs: bool
    difference: str

    @property
    def good(self) -> bool:
        """Identical, or the same verdicts under another engine."""
        return self.identical or (self.engine_differs and self.verdict_equal)

    @property
    def text(self) -> str:
        """The outcome in words."""
        if self.identical:
            return "identical"
        if self.engine_differs and self.verdict_equal:
            return "verdict equal, engine differs"
        return f"differs: {self.difference}"


def replay(
    facts: bytes | str,
    sources: Sequence[str],
    stored: bytes | str,
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> Replayed:
    """Decide again from the facts' text and the sources of policies and sets in their order; compare with `stored`.

    The parameters are those that the stored decision names, unless given. Never raises for bad input: that is
    a difference.
    """
    old = stored.encode() if isinstance(stored, str) else stored
    try:
        document = json.loads(old)
        texts = [_loaded(source) for source in sources]
        sets = [one for one in texts if isinstance(one, PolicySet)]
        used = _given(document) if params is None else params
        policies = [one for one in texts if isinstance(one, Policy)]
        # What a server said then is part of the decision: it is not asked again.
        said = document.get("external")
        result = evaluate(policies, parse_facts(facts), sets=sets, params=used, external=said)
        verdicts = [(rule["policy"], rule["id"], rule["verdict"]) for rule in document["rules"]]
        before = (document["verdict"], verdicts, document["facts_digest"])
    except (GateError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Replayed(False, False, False, f"it cannot be repeated: {error}")
    now = (result.verdict, [(one.policy, one.id, one.verdict) for one in result.rules], result.facts_digest)
    return Replayed(
        identical=result.canonical == old,
        verdict_equal=before == now,
        engine_differs=document.get("engine") != ENGINE,
        difference=_difference(old, result.canonical),
    )


@lru_cache(maxsize=256)
def _loaded(source: str) -> Policy | PolicySet:
    """A text read once a process: many decisions share their policies."""
    return load_any(source)


def _given(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters that were given by hand: all, where no set was; else those that the decision says were."""
    if "sets" not in document:
        return dict(document["params"])
    origins = {one["name"]: one["origin"] for one in document["policies"]}
    return {
        policy: {name: value for name, value in values.items() if origins[policy][name] == GIVEN}
        for policy, values in document["params"].items()
    }


def _difference(old: bytes, new: bytes) -> str:
    if old == new:
        return ""
    place = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    around = slice(max(0, place - 30), place + 30)
    return (
        f"byte {place}: stored …{old[around].decode(errors='replace')}…, now …{new[around].decode(errors='replace')}…"
    )
