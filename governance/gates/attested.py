"""Facts that no part of the house computes: which ones people and tools may attest, about what, and in which line.

An attestation holds one section of the facts, or one row of a list section. It is read by the newest facts schema,
so what is kept has the exact types that a policy sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from governance.gates.errors import FactsError
from governance.gates.facts import read_facts
from governance.gates.schema import FACTS

Line = Literal["builders and reviewers", "owners", "reviewers"]


@dataclass(frozen=True, slots=True)
class Attested:
    """One section. about: what it can be said of. by: what was seen, builders and reviewers may say; a promise is
    for owners, and a judgement for reviewers, who have no part in building.
    """

    section: str
    title: str
    fields: tuple[str, ...]
    about: tuple[str, ...]
    by: Line = "builders and reviewers"

    @property
    def key(self) -> tuple[str, ...]:
        """The fields that name a row; empty for a section that is no list."""
        field = FACTS.by_name[self.section]
        return field.message.key if field.repeated and field.message else ()


_SHARES = ("availability", "error_rate")
_TELEMETRY = "wired last_seen_at since calls psi error_rate p95_ms availability labels_return"
_ALL = (
    Attested("artifacts", "Scan and signature of a file", ("name", "scan", "signature"), ("version",)),
    Attested("training", "Cost and budget of the training", ("cost", "budget"), ("version",)),
    Attested("tests", "Result of a test suite", ("suite", "passed", "failed", "worst"), ("version",)),
    Attested(
        "endpoint",
        "Promise and contract of an endpoint",
        ("slo", "data_classes", "contract_version"),
        ("endpoint",),
        by="owners",
    ),
    Attested("telemetry", "What production reports", tuple(_TELEMETRY.split()), ("endpoint",)),
    Attested("card", "Approval of the model card", ("template", "approved"), ("version",), by="reviewers"),
    Attested(
        "provider",
        "Documents of a provider",
        ("name", "dpa_until", "attestations", "byok", "exit_tested_at"),
        ("model", "version", "endpoint"),
        by="reviewers",
    ),
    Attested(
        "risk",
        "Risk assessment",
        ("assessed_at", "residual", "mitigations_open"),
        ("model", "version", "endpoint"),
        by="reviewers",
    ),
    Attested("reviews", "A review", ("kind", "done_at", "due_at"), ("model", "version", "endpoint"), by="reviewers"),
)
ATTESTED: dict[str, Attested] = {one.section: one for one in _ALL}


def read_section(section: str, value: Any) -> tuple[str, dict[str, Any]]:
    """(key, value) of one attested section or row, with exact types. The key is "" for a section that is no list.

    Raises FactsError with the path of the first thing that is wrong.
    """
    known = ATTESTED.get(section)
    if known is None:
        raise FactsError("section", f"{section!r:.60} cannot be attested.", f"One of: {', '.join(ATTESTED)}.")
    if not isinstance(value, dict):
        raise FactsError("value", "Must be an object.", "One section, or one row of a list.")
    for name in value:
        if name not in known.fields:
            raise FactsError(
                f"{section}.{name}"[:200], "Cannot be attested here.", f"Known: {', '.join(known.fields)}."
            )
    for name in known.key:
        if not str(value.get(name, "")).strip():
            raise FactsError(f"{section}.{name}", "Is missing: it names the row.", f"Give {', '.join(known.key)}.")
    read = read_facts({section: [value] if known.key else value}, partial=True)[section]
    if known.key:
        (read,) = read
    _check_numbers(read, section)
    return ", ".join(str(read[name]) for name in known.key), dict(read)


def _check_numbers(value: dict[str, Any], path: str) -> None:
    """Nothing that is attested is below nought, and a share is at most one."""
    for name, item in value.items():
        where = f"{path}.{name}"
        if isinstance(item, dict):
            _check_numbers(item, where)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            if item < 0:
                raise FactsError(where, "Is below 0.", "Counts, sums and shares begin at 0.")
            if name in _SHARES and item > 1:
                raise FactsError(where, "Is above 1.", "A share lies between 0 and 1.")
