"""What the database itself refuses about drafts of policies, whoever writes the statement."""

from django.db import migrations

DRAFT = """
CREATE FUNCTION governance_policydraft_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'editing' THEN
            RAISE EXCEPTION 'a draft starts in the state editing, not %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_transition';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.author_id, NEW.policy_name, NEW.kind) IS DISTINCT FROM (OLD.author_id, OLD.policy_name, OLD.kind) THEN
        RAISE EXCEPTION 'author, name and kind of draft % are fixed', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_fixed';
    END IF;
    IF NEW.source IS DISTINCT FROM OLD.source AND OLD.state <> 'editing' THEN
        RAISE EXCEPTION 'the text of draft % cannot change while it is %', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_text';
    END IF;
    IF NEW.digest <> encode(sha256(convert_to(NEW.source, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the digest of draft % is not that of its text', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_digest';
    END IF;
    IF NEW.state <> OLD.state AND NOT (OLD.state, NEW.state) IN (
        ('editing', 'proposed'), ('editing', 'abandoned'), ('proposed', 'editing'), ('proposed', 'rejected'),
        ('proposed', 'abandoned'), ('proposed', 'active')
    ) THEN
        RAISE EXCEPTION 'draft % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_transition';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER policy_draft_guard BEFORE INSERT OR UPDATE ON governance_policydraft
    FOR EACH ROW EXECUTE FUNCTION governance_policydraft_guard();
"""

APPROVAL = """
CREATE FUNCTION governance_policyapproval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked record;
BEGIN
    SELECT author_id, digest, state INTO asked FROM governance_policydraft WHERE id = NEW.draft_id;
    IF NEW.person_id = asked.author_id THEN
        RAISE EXCEPTION 'the author of a draft does not approve it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_approval_separation_of_duties';
    END IF;
    IF NEW.digest IS DISTINCT FROM asked.digest OR asked.state <> 'proposed' THEN
        RAISE EXCEPTION 'an approval is bound to the text of a proposed draft: state %', asked.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_approval_current';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER policy_approval_guard BEFORE INSERT ON governance_policyapproval
    FOR EACH ROW EXECUTE FUNCTION governance_policyapproval_guard();
"""

# Deferred: the draft names its version only after the version exists.
VERSION = """
CREATE FUNCTION governance_policyversion_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM governance_policydraft d JOIN governance_policyapproval a ON a.draft_id = d.id
        WHERE d.version_id = NEW.id AND d.state = 'active' AND d.source = NEW.source
          AND a.digest = d.digest AND a.choice = 'approve' AND a.person_id <> d.author_id
    ) THEN
        RAISE EXCEPTION 'policy version % came from no draft that another person approved', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_version_approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER policy_version_guard AFTER INSERT ON governance_policyversion
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION governance_policyversion_guard();
"""


def _drop(name: str, table: str) -> str:
    return f"DROP TRIGGER {name}_guard ON governance_{table}; DROP FUNCTION governance_{table}_guard();"


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_policy_drafts")]

    operations = [
        migrations.RunSQL(DRAFT, _drop("policy_draft", "policydraft")),
        migrations.RunSQL(APPROVAL, _drop("policy_approval", "policyapproval")),
        migrations.RunSQL(VERSION, _drop("policy_version", "policyversion")),
    ]
