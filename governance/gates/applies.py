"""For which subjects a policy or a set is: its selectors over a facts document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PATHS = {
    "riskTier": ("model", "risk_tier"),
    "target": ("subject", "target"),
    "model": ("subject", "model"),
    "endpoint": ("subject", "endpoint"),
    "region": ("endpoint", "regions"),
    "moment": ("subject", "moment"),
    "affectsLegalOrSafety": ("model", "affects_legal_or_safety"),
    # The scopes of a set.
    "team": ("model", "owner_team"),
}
SECTIONS = frozenset(section for section, _ in _PATHS.values())


def applies(selectors: Mapping[str, tuple[Any, ...]], facts: Mapping[str, Any]) -> bool | str:
    """True, False, or the path of a fact that is needed to say and is not known.

    One that does not match decides, whatever is not known. A list, as of regions, matches where one of it does;
    an empty one is not known.
    """
    missing = ""
    for selector, wanted in selectors.items():
        section, name = _PATHS[selector]
        value = facts.get(section, {}).get(name)
        if value is None or value == []:
            missing = missing or f"{section}.{name}"
        elif not any(one in wanted for one in (value if isinstance(value, list) else [value])):
            return False
    return missing or True
