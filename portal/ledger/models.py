"""Tables of the ledger: entries, tiles of the Merkle tree, checkpoints, and personal values kept apart."""

import functools
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Length

from portal.ledger.canonical import parse_strict

# A tlog-tiles entry bundle prefixes each entry with a 16-bit length (C2SP tlog-tiles).
MAX_LEAF_BYTES = 65_535

models.BinaryField.register_lookup(Length, "length")


class CurrentTransaction(models.Func):
    """The id of the running transaction (`pg_current_xact_id()`), which never wraps, as a bigint."""

    function = "pg_current_xact_id"
    template = "((%(function)s())::text)::bigint"
    arity = 0
    output_field = models.BigIntegerField()


class LedgerEntry(models.Model):
    """One recorded act: written in the act's own transaction, numbered later by the sequencer.

    `leaf` is the canonical JSON that the Merkle tree commits to; the other columns repeat parts of it for
    queries, and `verify` compares them with it. `team` alone says something else: who may read the entry.
    """

    append_only: ClassVar[bool] = True
    append_only_mutable: ClassVar[tuple[str, ...]] = ("idx",)

    id = models.BigAutoField(primary_key=True)
    idx = models.BigIntegerField(null=True, unique=True, editable=False)
    event = models.CharField(max_length=100)
    subject_type = models.CharField(max_length=100)
    subject_id = models.TextField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    txid = models.BigIntegerField(db_default=CurrentTransaction(), editable=False)
    leaf = models.BinaryField(max_length=MAX_LEAF_BYTES)
    leaf_hash = models.BinaryField(max_length=32)
    # Whose readers may open it (`portal.ledger.teams`): an index for access, no part of what the log proves. No
    # constraint: an entry stays when its team goes, and writing one does not look teams up.
    team = models.ForeignKey(
        "accounts.Team", null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    state_schema = models.CharField(max_length=100, null=True)  # noqa: DJ001  (null: subject has no state)
    state_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001  (null with a schema: row gone)

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(fields=["id"], name="ledger_unsequenced", condition=models.Q(idx__isnull=True)),
            models.Index(fields=["subject_type", "subject_id", "id"], name="ledger_by_subject"),
            models.Index(fields=["event", "id"], name="ledger_by_event"),
            models.Index(fields=["actor", "id"], name="ledger_by_actor"),
            models.Index(fields=["team", "id"], name="ledger_by_team"),
            # One btree serves the deferred guard of every governed table: it looks entries up by transaction.
            models.Index(fields=["txid"], name="ledger_by_txid"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(leaf__length__lte=MAX_LEAF_BYTES), name="ledger_leaf_fits_tile"),
            models.CheckConstraint(condition=models.Q(leaf_hash__length=32), name="ledger_hash_is_sha256"),
        ]

    def __str__(self) -> str:
        return f"entry {self.idx}" if self.idx is not None else f"entry (not yet numbered, id {self.pk})"

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """The parsed leaf: schema, event, subject, actor, at, nonce, body, state."""
        document: dict[str, Any] = parse_strict(bytes(self.leaf))
        return document

    @property
    def body(self) -> dict[str, Any]:
        """What the act said, as it was recorded; personal values appear as {"commit": hex} only."""
        body: dict[str, Any] = self.document["body"]
        return body


class PersonalField(models.Model):
    """A personal value that an entry commits to, kept where it can be erased without touching the tree.

    The entry's body carries sha256(salt ‖ canonical [name, value]) in its place (`portal.ledger.personal`).
    """

    append_only: ClassVar[bool] = True
    append_only_mutable: ClassVar[tuple[str, ...]] = ("erased_at",)
    append_only_erasable: ClassVar[tuple[str, ...]] = ("salt", "value")

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="personal")
    name = models.CharField(max_length=100)
    salt = models.BinaryField(max_length=16, null=True)
    # Canonical JSON as text, not jsonb: the commitment is over these very bytes.
    value = models.TextField(null=True)  # noqa: DJ001  (null: erased)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "name"], name="ledger_personal_once"),
            models.CheckConstraint(
                condition=models.Q(salt__isnull=False, value__isnull=False, erased_at__isnull=True)
                | models.Q(salt__isnull=True, value__isnull=True, erased_at__isnull=False),
                name="ledger_personal_whole_or_erased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of entry id {self.entry_id}"


class Tile(models.Model):
    """Up to 256 hashes of one level of the tree, side by side (C2SP tlog-tiles, height 8).

    The last tile of a level is partial and grows; what it holds never changes.
    """

    append_only: ClassVar[bool] = True
    append_only_growing: ClassVar[tuple[str, ...]] = ("hashes",)

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField(max_length=8192)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="ledger_tile_once")]

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root (C2SP tlog-checkpoint), as it was published."""

    append_only: ClassVar[bool] = True

    origin = models.CharField(max_length=200)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size"], name="ledger_checkpoint_once")]
        indexes = [models.Index(fields=["-size"], name="ledger_latest_checkpoint")]

    def __str__(self) -> str:
        return f"checkpoint of {self.size} entries"
