"""The facts schema, version 2: version 1, the moment of the question, when things were measured, who attested."""

from __future__ import annotations

from governance.gates.schema_1 import FACTS_1
from governance.gates.shapes import count, date, extended, flag, group, number, rows, text, time

NAME = "gatehouse.facts/2"

_MEASURED_FROM = time("measured_at", "When it was measured; of two measurements, when the older was.")
_MEASURED = time("measured_at", "When it was measured; a policy's freshness limit counts from here.")
_EVIDENCE = text("evidence", "Number of the evidence or attestation that this was read from, such as AT-12.")

FACTS_2 = extended(
    FACTS_1,
    {
        "": (
            text("schema", f"Version of this schema: {NAME}."),
            group(
                "conditions",
                "Conditions",
                "What was promised with approvals of this model at this endpoint.",
                count("open", "Conditions of other releases still open; those of this release count once overdue."),
                count("overdue", "Conditions that are open past their day, of this release too."),
            ),
            rows(
                "findings",
                "Finding",
                "Findings on the version that are still open.",
                ("id",),
                text("id", "Number of the finding, such as F-3."),
                text("severity", "low, medium, high or critical."),
                date("due", "Day by which it must be closed."),
                flag("overdue", "Whether that day is over."),
            ),
        ),
        "subject": (
            text("moment", "Why it is asked: check, request, live (a release) or running (production watched)."),
            text("registered_by", "Who registered the version, as an opaque identity; never a name."),
        ),
        "artifacts": (time("scanned_at", "When scan and signature were checked."), _EVIDENCE),
        "training": (_EVIDENCE,),
        "metrics": (_MEASURED,),
        "baseline_metrics": (_MEASURED,),
        "bias": (_MEASURED,),
        "bias_changes": (_MEASURED_FROM,),
        "odds": (_MEASURED_FROM,),
        "odds_changes": (_MEASURED_FROM,),
        "tests": (_MEASURED,),
        "card": (_EVIDENCE,),
        "endpoint": (text("owner_team", "Team that runs it."),),
        "provider": (_EVIDENCE,),
        "risk": (_EVIDENCE,),
        "reviews": (_EVIDENCE,),
        "telemetry": (
            time("since", "Start of the time that the numbers cover."),
            count("calls", "Calls answered in that time."),
            number("p95_ms", "95th percentile of latency seen, milliseconds."),
            number("availability", "Share of time it answered, 0 to 1."),
            flag("labels_return", "Whether true outcomes come back for the calls."),
            _EVIDENCE,
        ),
    },
)
