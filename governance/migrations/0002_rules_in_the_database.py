"""Rules that the database itself holds: duties stay apart, states follow the table, approvals bind what stands."""

from django.db import migrations

SEPARATION = """
CREATE OR REPLACE FUNCTION gatehouse_approval_rules() RETURNS trigger LANGUAGE plpgsql AS $gatehouse$
DECLARE
    asked bigint;
    registered bigint;
    trained bigint;
    standing bigint;
    digest text;
BEGIN
    SELECT r.requested_by_id, v.created_by_id, t.trained_by_id, r.decision_id
        INTO asked, registered, trained, standing
        FROM governance_release r
        JOIN catalog_modelversion v ON v.id = r.version_id
        LEFT JOIN catalog_trainingrun t ON t.id = v.training_run_id
        WHERE r.id = NEW.release_id;
    IF NEW.person_id IN (asked, registered, trained) THEN
        RAISE EXCEPTION 'separation of duties: who requested, registered or trained does not decide'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_separation_of_duties';
    END IF;
    SELECT d.digest INTO digest FROM governance_decision d WHERE d.id = NEW.decision_id;
    IF NEW.decision_id IS DISTINCT FROM standing OR NEW.decision_digest IS DISTINCT FROM digest THEN
        RAISE EXCEPTION 'an approval binds the decision that stands, by its digest'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_binds_decision';
    END IF;
    RETURN NEW;
END
$gatehouse$;
CREATE TRIGGER approval_rules BEFORE INSERT ON governance_approval
    FOR EACH ROW EXECUTE FUNCTION gatehouse_approval_rules();
"""

TRANSITIONS = """
CREATE OR REPLACE FUNCTION gatehouse_release_transition() RETURNS trigger LANGUAGE plpgsql AS $gatehouse$
BEGIN
    IF NOT (
        (OLD.state = 'checking' AND NEW.state IN ('blocked', 'in_review', 'withdrawn'))
        OR (OLD.state = 'blocked' AND NEW.state IN ('in_review', 'withdrawn'))
        OR (OLD.state = 'in_review' AND NEW.state IN ('blocked', 'changes_asked', 'rejected', 'withdrawn', 'live'))
        OR (OLD.state = 'changes_asked' AND NEW.state IN ('in_review', 'blocked', 'withdrawn'))
        OR (OLD.state = 'live' AND NEW.state = 'superseded')
    ) THEN
        RAISE EXCEPTION 'a release does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'release_transition';
    END IF;
    RETURN NEW;
END
$gatehouse$;
CREATE TRIGGER release_transition BEFORE UPDATE OF state ON governance_release
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION gatehouse_release_transition();
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("catalog", "0001_initial")]
    operations = [
        migrations.RunSQL(
            SEPARATION,
            "DROP TRIGGER approval_rules ON governance_approval; DROP FUNCTION gatehouse_approval_rules();",
        ),
        migrations.RunSQL(
            TRANSITIONS,
            "DROP TRIGGER release_transition ON governance_release; DROP FUNCTION gatehouse_release_transition();",
        ),
    ]
