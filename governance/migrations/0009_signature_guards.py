"""What the database itself refuses about signatures: another person's key, and a statement about something else."""

from django.db import migrations

SIGNATURE = """
CREATE FUNCTION governance_approvalsignature_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given record;
    told jsonb := NEW.statement::jsonb;
BEGIN
    SELECT a.person_id, a.role, a.choice, a.decision_digest, a.release_id, u.uuid INTO given
    FROM governance_approval a JOIN accounts_user u ON u.id = a.person_id WHERE a.id = NEW.approval_id;
    IF NOT EXISTS (
        SELECT 1 FROM accounts_passkey k
        WHERE k.id = NEW.passkey_id AND k.user_id = given.person_id AND k.state = 'active'
    ) THEN
        RAISE EXCEPTION 'an approval is signed with a key of the person who gives it, while the key is in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signature_own_key';
    END IF;
    IF NEW.statement_digest <> encode(sha256(convert_to(NEW.statement, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the digest is not that of the statement'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signature_digest';
    END IF;
    IF (told->>'person', told->>'seat', told->>'choice', told->>'decision', told->>'release') IS DISTINCT FROM
       ('user:' || given.uuid, given.role, given.choice, given.decision_digest, 'R-' || given.release_id) THEN
        RAISE EXCEPTION 'the statement says something else than the approval'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signature_says_the_same';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approval_signature_guard BEFORE INSERT ON governance_approvalsignature
    FOR EACH ROW EXECUTE FUNCTION governance_approvalsignature_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0008_signatures"), ("accounts", "0005_passkey_guards")]

    operations = [
        migrations.RunSQL(
            SIGNATURE,
            "DROP TRIGGER approval_signature_guard ON governance_approvalsignature;"
            " DROP FUNCTION governance_approvalsignature_guard();",
        ),
    ]
