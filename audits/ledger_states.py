"""What the ledger binds of audits. Frozen once released: add a new number, never edit one."""

from portal.ledger.states import register

register(
    "test_run/1",
    model="audits.TestRun",
    fields=("version", "kind", "title", "blob", "file_name", "columns", "evidence", "created_by"),
)
register(
    "evidence_pack/1",
    model="audits.EvidencePack",
    fields=(
        "release",
        "blob",
        "document",
        "sha256",
        "unsigned_sha256",
        "as_of",
        "checkpoint_size",
        "certificate_serial",
        "created_by",
    ),
)
