"""The audit log over the API: entries, one entry with its proof, the newest checkpoint."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Permission
from portal.api.views import GatehouseView, keyset_page
from portal.errors import NotFound
from portal.ledger import selectors
from portal.ledger.models import LedgerEntry


class EntrySerializer(serializers.Serializer):
    """An entry as it was logged; `leaf` is the hashed text itself."""

    idx = serializers.IntegerField(help_text="Number in the log, from 0.")
    at = serializers.DateTimeField()
    event = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    actor = serializers.SerializerMethodField(help_text="user:UUID, or null for the portal itself.")
    state_schema = serializers.CharField(allow_null=True)
    state_digest = serializers.CharField(allow_null=True)
    leaf_hash = serializers.SerializerMethodField()
    leaf = serializers.SerializerMethodField()

    def get_actor(self, entry: LedgerEntry) -> str | None:
        return f"user:{entry.actor.uuid}" if entry.actor else None

    def get_leaf_hash(self, entry: LedgerEntry) -> str:
        return bytes(entry.leaf_hash).hex()

    def get_leaf(self, entry: LedgerEntry) -> str:
        return bytes(entry.leaf).decode()


class EntryPageSerializer(serializers.Serializer):
    results = EntrySerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="Give it as `after` for the next page.")


class ProofSerializer(serializers.Serializer):
    """What checks the entry without the portal (RFC 6962, C2SP signed note)."""

    raw = serializers.CharField()
    leaf = serializers.CharField()
    index = serializers.IntegerField()
    size = serializers.IntegerField()
    proof = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField()
    sig = serializers.CharField()
    pub = serializers.CharField()
    witnesses = serializers.ListField(child=serializers.DictField())
    note = serializers.CharField()
    key = serializers.CharField()


class EntryWithProofSerializer(EntrySerializer):
    proof = ProofSerializer(allow_null=True, help_text="null until a checkpoint covers the entry (seconds).")


class CheckpointSerializer(serializers.Serializer):
    origin = serializers.CharField()
    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    note = serializers.CharField()
    made_at = serializers.DateTimeField()
    key = serializers.CharField()
    assurance = serializers.CharField(help_text="none, beside or broken: what is kept outside the database.")


_FILTERS = [
    OpenApiParameter("after", int, description="Entries before this number."),
    OpenApiParameter("limit", int),
    OpenApiParameter("event", str),
    OpenApiParameter("subject_type", str),
    OpenApiParameter("subject_id", str),
]


class LedgerEntriesView(GatehouseView):
    permissions = {"GET": Permission.PORTAL_LEDGER_READ}

    @extend_schema(responses=EntryPageSerializer, parameters=_FILTERS, operation_id="ledger_entries_list")
    def get(self, request: Request) -> Response:
        """The numbered entries, newest first."""
        query = request.query_params
        filters = selectors.Filters(
            event=query.get("event", ""),
            subject_type=query.get("subject_type", ""),
            subject_id=query.get("subject_id", ""),
        )
        rows = selectors.narrow(selectors.entries_for(self.actor), filters).filter(idx__isnull=False)
        return keyset_page(request, rows, serialize=lambda row: EntrySerializer(row).data, key="idx")


class LedgerEntryView(GatehouseView):
    permissions = {"GET": Permission.PORTAL_LEDGER_READ}

    @extend_schema(responses=EntryWithProofSerializer)
    def get(self, request: Request, idx: int) -> Response:
        """One entry with its inclusion proof."""
        entry = selectors.entry_numbered(self.actor, idx)
        body: dict[str, Any] = dict(EntrySerializer(entry).data)
        return Response(body | {"proof": selectors.proof_of(entry)})


class LedgerCheckpointView(GatehouseView):
    permissions = {"GET": Permission.PORTAL_LEDGER_READ}

    @extend_schema(responses=CheckpointSerializer)
    def get(self, request: Request) -> Response:
        """The newest checkpoint, and what is kept of it outside the database."""
        made = selectors.latest_checkpoint()
        if made is None:
            raise NotFound("The log has no checkpoint yet.", code="no-checkpoint", how="Try again in some seconds.")
        known = {"origin": made.origin, "size": made.size, "root": bytes(made.root).hex(), "note": made.note}
        known |= {"made_at": made.made_at, "key": selectors.verifier_text(), "assurance": selectors.assurance().level}
        return Response(known)
