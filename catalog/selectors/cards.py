"""Reads of model cards: what is written, what is measured, what moved on since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.choices import CARD_SECTIONS
from catalog.models import BiasMeasure, CardRevision, Metric, ModelVersion, VersionDataset
from catalog.selectors.evidence import current_bias, current_metrics


@dataclass(frozen=True)
class CardState:
    """How far a card is: its revision (or None), the texts as they hold now, keys of missing sections, keys whose
    evidence moved on, and the texts as the revision has them."""

    revision: CardRevision | None
    sections: dict[str, str]
    missing: list[str]
    stale: list[str]
    saved: dict[str, str]

    @property
    def complete(self) -> bool:
        return not self.missing and not self.stale


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


@dataclass(frozen=True)
class Measured:
    """What those who ask for a card often read as well, so that it is read once."""

    metrics: Sequence[Metric]
    bias: Sequence[BiasMeasure]
    datasets: Sequence[VersionDataset]


def measured_of(version: ModelVersion) -> Measured:
    """Metrics, bias and datasets of the version; three queries."""
    datasets = list(version.datasets.select_related("snapshot__dataset"))
    return Measured(current_metrics([version.pk])[version.pk], current_bias([version.pk])[version.pk], datasets)


def measured_card_sections(version: ModelVersion, measured: Measured | None = None) -> dict[str, str]:
    """Text of the sections that evidence fills, made from what is recorded now; absent where nothing is."""
    texts: dict[str, str] = {}
    measured = measured or measured_of(version)
    uses = sorted(measured.datasets, key=lambda use: use.pk)
    if uses:
        texts["training_data"] = "\n".join(
            f"{use.get_role_display()}: {use.snapshot} ({use.snapshot.rows} rows, {use.snapshot.residency}, "
            f"{use.snapshot.licence}, sha256 {use.snapshot.sha256})"
            for use in uses
        )
    metrics = measured.metrics
    if metrics:
        texts["evaluation"] = "\n".join(
            f"{row.name} on {row.split}, {row.segment}: {_number(row.value)}"
            + (f" ({_number(row.lower)} to {_number(row.upper)})" if row.lower is not None else "")
            + f" [{row.evidence.public_id}]"
            for row in metrics
        )
    bias = measured.bias
    if bias:
        texts["fairness"] = "\n".join(
            f"{row.attribute} {row.group}: selected {row.selected} of {row.n}, ratio to {row.reference} "
            f"{_number(row.ratio)} ({_number(row.ratio_lower)} to {_number(row.ratio_upper)}) "
            f"[{row.evidence.public_id}]"
            for row in bias
        )
    return texts


def card_state(version: ModelVersion, measured: Measured | None = None) -> CardState:
    """The card as saved, held against what is measured now."""
    revision = version.card_revisions.select_related("author").prefetch_related("sections").order_by("-number").first()
    saved = revision.content if revision else {}
    now = measured_card_sections(version, measured)
    lacking = [
        key for key, (_, measured) in CARD_SECTIONS.items() if not (now.get(key) if measured else saved.get(key))
    ]
    stale = [
        key for key, (_, measured) in CARD_SECTIONS.items() if measured and revision and now.get(key) != saved.get(key)
    ]
    return CardState(revision, {**saved, **now}, lacking, [key for key in stale if key not in lacking], saved)
