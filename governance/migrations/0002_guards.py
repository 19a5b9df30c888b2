"""What the database itself refuses about releases and approvals, whoever writes the statement."""

from django.db import migrations

# A copy of the transition table in choices.py, because a migration is never edited; a test holds them together.
RELEASE = """
CREATE FUNCTION governance_release_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'checking' THEN
            RAISE EXCEPTION 'a release starts in the state checking, not %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'release_transition';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.version_id, NEW.endpoint_id, NEW.requested_by_id)
        IS DISTINCT FROM (OLD.version_id, OLD.endpoint_id, OLD.requested_by_id) THEN
        RAISE EXCEPTION 'version, endpoint and requester of release % are fixed', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_fixed';
    END IF;
    IF NEW.state <> OLD.state AND NOT (OLD.state, NEW.state) IN (
        ('checking', 'blocked'), ('checking', 'in_review'), ('checking', 'withdrawn'),
        ('blocked', 'in_review'), ('blocked', 'changes_asked'), ('blocked', 'withdrawn'),
        ('in_review', 'blocked'), ('in_review', 'changes_asked'), ('in_review', 'rejected'),
        ('in_review', 'withdrawn'), ('in_review', 'live'),
        ('changes_asked', 'in_review'), ('changes_asked', 'blocked'), ('changes_asked', 'withdrawn'),
        ('live', 'superseded')
    ) THEN
        RAISE EXCEPTION 'release % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_transition';
    END IF;
    IF NEW.state = 'live' AND OLD.state <> 'live' AND NOT EXISTS (
        SELECT 1 FROM governance_approval a JOIN governance_decision d ON d.id = a.decision_id
        WHERE a.release_id = NEW.id AND a.decision_id = NEW.decision_id
          AND a.choice IN ('approve', 'conditions') AND d.verdict NOT IN ('fail', 'unknown')
    ) THEN
        RAISE EXCEPTION 'release % has no approval of its current decision', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_approved';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER release_guard BEFORE INSERT OR UPDATE ON governance_release
    FOR EACH ROW EXECUTE FUNCTION governance_release_guard();
"""

APPROVAL = """
CREATE FUNCTION governance_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked record;
BEGIN
    SELECT r.state, r.requested_by_id, r.decision_id, d.digest, d.verdict, v.created_by_id, t.trained_by_id
        INTO asked
        FROM governance_release r
        JOIN catalog_modelversion v ON v.id = r.version_id
        LEFT JOIN catalog_trainingrun t ON t.id = v.training_run_id
        LEFT JOIN governance_decision d ON d.id = r.decision_id
        WHERE r.id = NEW.release_id;
    IF NEW.person_id IN (asked.requested_by_id, asked.created_by_id)
        OR NEW.person_id IS NOT DISTINCT FROM asked.trained_by_id THEN
        RAISE EXCEPTION 'who requested, trained or registered a version does not decide on its release'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_separation_of_duties';
    END IF;
    IF NEW.decision_id IS DISTINCT FROM asked.decision_id OR NEW.decision_digest IS DISTINCT FROM asked.digest THEN
        RAISE EXCEPTION 'an approval is bound to the current decision of its release and to its digest'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_current_decision';
    END IF;
    IF asked.state NOT IN ('in_review', 'live') OR asked.verdict IN ('fail', 'unknown') THEN
        RAISE EXCEPTION 'the release is not open for decisions: state %, verdict %', asked.state, asked.verdict
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_release_open';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approval_guard BEFORE INSERT ON governance_approval
    FOR EACH ROW EXECUTE FUNCTION governance_approval_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial")]

    operations = [
        migrations.RunSQL(
            RELEASE,
            "DROP TRIGGER release_guard ON governance_release; DROP FUNCTION governance_release_guard();",
        ),
        migrations.RunSQL(
            APPROVAL,
            "DROP TRIGGER approval_guard ON governance_approval; DROP FUNCTION governance_approval_guard();",
        ),
    ]
