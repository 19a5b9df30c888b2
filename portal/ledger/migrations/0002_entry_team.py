"""Entries learn whose they are. What is logged stays as it is: the team stands beside the text, for access only."""

import django.db.models.deletion
from django.db import migrations, models

MODEL = "JOIN catalog_registeredmodel m ON m.id = {0}.model_id"
VERSION = "JOIN catalog_modelversion v ON v.id = {0}.version_id " + MODEL.format("v")
RELEASE = "JOIN governance_release r ON r.id = {0}.release_id " + VERSION.format("r")
DATASET = "JOIN catalog_dataset d ON d.id = {0}.dataset_id"
ENDPOINT = "JOIN catalog_endpoint p ON p.id = {0}.endpoint_id"
# Subject type, table of the subject, way to its team, column with the team. As the tables were before this migration.
WAYS = [
    ("team", "accounts_team", "", "s.id"),
    ("membership", "accounts_membership", "", "s.team_id"),
    ("portal.job", "jobs_job", "", "s.team_id"),
    ("model", "catalog_registeredmodel", "", "s.team_id"),
    ("dataset", "catalog_dataset", "", "s.team_id"),
    ("endpoint", "catalog_endpoint", "", "s.team_id"),
    ("snapshot", "catalog_datasetsnapshot", DATASET, "d.team_id"),
    ("training_run", "catalog_trainingrun", MODEL, "m.team_id"),
    ("version", "catalog_modelversion", MODEL, "m.team_id"),
    ("evidence", "catalog_evidence", VERSION, "m.team_id"),
    ("card_revision", "catalog_cardrevision", VERSION, "m.team_id"),
    ("deployment", "catalog_deployment", ENDPOINT, "p.team_id"),
    ("decision", "governance_decision", VERSION, "m.team_id"),
    ("release", "governance_release", VERSION, "m.team_id"),
    ("approval", "governance_approval", RELEASE, "m.team_id"),
    ("condition", "governance_condition", RELEASE, "m.team_id"),
    ("test_run", "audits_testrun", VERSION, "m.team_id"),
    ("evidence_pack", "audits_evidencepack", RELEASE, "m.team_id"),
    # Last, when the entries that they are about have their team: erasures of a personal value.
    ("ledger.entry", "ledger_ledgerentry", "", "s.team_id"),
]
FILL = """
UPDATE ledger_ledgerentry AS entry SET team_id = {column} FROM "{table}" s {way}
WHERE entry.team_id IS NULL AND entry.subject_type = %s AND entry.subject_id = s.id::text AND {column} IS NOT NULL
"""
GUARD = "gatehouse_no_update"


def fill(apps, schema_editor):
    """Give each old entry the team of its subject. One whose subject is gone stays without, for readers of all.

    The trigger that keeps entries unchanged is off for this transaction alone, which holds the table's lock.
    """
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM ledger_ledgerentry)")
        if not cursor.fetchone()[0]:
            return
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger_ledgerentry'::regclass AND tgname = %s"
            " AND tgenabled = 'O')",
            [GUARD],
        )
        guarded = cursor.fetchone()[0]
        if guarded:
            cursor.execute(f"ALTER TABLE ledger_ledgerentry DISABLE TRIGGER {GUARD}")
        for subject_type, table, way, column in WAYS:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
            if cursor.fetchone()[0]:
                cursor.execute(FILL.format(table=table, way=way.format("s"), column=column), [subject_type])
        if guarded:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE ledger_ledgerentry ENABLE TRIGGER {GUARD}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("ledger", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="ledgerentry",
            name="team",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="ledgerentry", index=models.Index(fields=["team", "id"], name="ledger_by_team")
        ),
    ]
