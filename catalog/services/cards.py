"""Model cards: people write what only people know; measured sections are filled from evidence."""

from __future__ import annotations

from django.db import transaction

from catalog import selectors
from catalog.choices import CARD_SECTIONS
from catalog.models import CardRevision, CardSection, ModelVersion, RegisteredModel
from catalog.services.rows import validated
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput
from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.services import record


@transaction.atomic
def save_card(
    version: ModelVersion, *, actor: User, sections: dict[str, str], based_on: int | None = None
) -> CardRevision:
    """Add a revision with these texts; measured sections are computed and may not be given.

    based_on is the revision number the author saw (0 for none). Raises Conflict when a newer one was saved
    meanwhile, InvalidInput for an unknown or a measured section.
    """
    require(actor, Permission.CATALOG_FACT_RECORD, version.model.team_id)
    # A version is append-only, so its own row cannot be locked: authors of one model's cards take turns instead.
    RegisteredModel.objects.select_for_update(of=("self",), no_key=True).get(pk=version.model_id)
    latest = version.card_revisions.order_by("-number").first()
    number = latest.number if latest else 0
    if based_on is not None and based_on != number:
        raise Conflict(
            f"Revision {number} was saved while you wrote.",
            code="stale-card",
            how="Open the new revision beside your text and save again.",
        )
    for key in sections:
        if key not in CARD_SECTIONS:
            raise InvalidInput(
                f"There is no card section {key}.",
                code="unknown-section",
                field=key,
                how=f"Known: {', '.join(CARD_SECTIONS)}.",
            )
        if CARD_SECTIONS[key][1]:
            raise InvalidInput(
                f"{CARD_SECTIONS[key][0]} is filled from evidence and cannot be typed over.",
                code="measured-section",
                field=key,
                how="Record the measurement instead.",
            )
    texts = {key: text.strip() for key, text in sections.items() if text.strip()}
    measured = selectors.measured_card_sections(version)
    content = {**texts, **measured}
    revision = CardRevision.objects.create(
        version=version, number=number + 1, author=actor, digest=sha256_hex(canonical_bytes(content))
    )
    rows = [
        CardSection(revision=revision, key=key, text=text, measured=key in measured) for key, text in content.items()
    ]
    for row in rows:
        validated(row)
    CardSection.objects.bulk_create(rows)
    record(
        actor=actor,
        event="catalog:card:saved",
        subject=revision,
        body={"version": version.pk, "number": revision.number, "digest": revision.digest},
    )
    return revision
