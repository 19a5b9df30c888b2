"""What the database itself refuses about the life of a release, its conditions, findings and emergency right."""

from django.db import migrations

# A copy of the transition table in choices.py, because a migration is never edited; a test holds them together.
RELEASE = """
CREATE OR REPLACE FUNCTION governance_release_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    verdict text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('draft', 'checking') THEN
            RAISE EXCEPTION 'a release starts in the state checking or as a draft, not %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'release_transition';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.version_id, NEW.endpoint_id, NEW.requested_by_id)
        IS DISTINCT FROM (OLD.version_id, OLD.endpoint_id, OLD.requested_by_id) THEN
        RAISE EXCEPTION 'version, endpoint and requester of release % are fixed', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_fixed';
    END IF;
    IF OLD.state <> 'draft' AND (NEW.fallback, NEW.fallback_version_id, NEW.fallback_text)
        IS DISTINCT FROM (OLD.fallback, OLD.fallback_version_id, OLD.fallback_text) THEN
        RAISE EXCEPTION 'the fallback of release % is fixed once it is asked for', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_fallback_fixed';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF NOT (OLD.state, NEW.state) IN (
        ('draft', 'checking'), ('draft', 'withdrawn'),
        ('checking', 'blocked'), ('checking', 'in_review'), ('checking', 'withdrawn'), ('checking', 'expired'),
        ('blocked', 'in_review'), ('blocked', 'changes_asked'), ('blocked', 'withdrawn'), ('blocked', 'expired'),
        ('in_review', 'blocked'), ('in_review', 'changes_asked'), ('in_review', 'rejected'),
        ('in_review', 'withdrawn'), ('in_review', 'expired'), ('in_review', 'approved'), ('in_review', 'held'),
        ('in_review', 'live'),
        ('changes_asked', 'in_review'), ('changes_asked', 'blocked'), ('changes_asked', 'withdrawn'),
        ('changes_asked', 'expired'),
        ('approved', 'rolling_out'), ('approved', 'live'), ('approved', 'in_review'), ('approved', 'blocked'),
        ('approved', 'changes_asked'), ('approved', 'rejected'), ('approved', 'withdrawn'), ('approved', 'expired'),
        ('approved', 'held'),
        ('rolling_out', 'burn_in'), ('rolling_out', 'live'), ('rolling_out', 'held'), ('rolling_out', 'suspended'),
        ('rolling_out', 'rolling_back'),
        ('burn_in', 'live'), ('burn_in', 'held'), ('burn_in', 'suspended'), ('burn_in', 'rolling_back'),
        ('burn_in', 'superseded'),
        ('live', 'superseded'), ('live', 'held'), ('live', 'suspended'), ('live', 'rolling_back'),
        ('held', 'in_review'), ('held', 'rolling_out'), ('held', 'burn_in'), ('held', 'live'),
        ('held', 'suspended'), ('held', 'rolling_back'), ('held', 'superseded'), ('held', 'withdrawn'),
        ('suspended', 'live'), ('suspended', 'rolling_back'), ('suspended', 'rolled_back'),
        ('suspended', 'superseded'),
        ('rolling_back', 'rolled_back'), ('rolling_back', 'suspended'),
        ('superseded', 'live')
    ) THEN
        RAISE EXCEPTION 'release % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_transition';
    END IF;
    IF OLD.state = 'superseded' AND NOT EXISTS (
        SELECT 1 FROM governance_release r WHERE r.endpoint_id = NEW.endpoint_id AND r.state = 'rolling_back'
    ) THEN
        RAISE EXCEPTION 'release % is over: only what is rolled back leads to it again', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_restored';
    END IF;
    IF NEW.state = 'live' AND OLD.state IN ('in_review', 'approved') AND EXISTS (
        SELECT 1 FROM governance_release r WHERE r.endpoint_id = NEW.endpoint_id AND r.id <> NEW.id
            AND r.state IN ('rolling_out', 'burn_in')
    ) THEN
        RAISE EXCEPTION 'another release is under way at the endpoint of release %', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_one_under_way';
    END IF;
    IF NEW.state IN ('approved', 'rolling_out', 'burn_in', 'live')
        AND OLD.state NOT IN ('held', 'superseded', 'rolling_out', 'burn_in') THEN
        SELECT d.verdict INTO verdict FROM governance_decision d WHERE d.id = NEW.decision_id;
        IF verdict IS NULL OR verdict IN ('fail', 'unknown') THEN
            RAISE EXCEPTION 'release % has no approval of its current decision: a gate refuses it', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'release_approved';
        END IF;
        IF NOT EXISTS (
            SELECT 1 FROM governance_approval a WHERE a.release_id = NEW.id AND a.choice IN ('approve', 'conditions')
                AND (a.decision_id = NEW.decision_id OR OLD.state <> 'in_review' OR NEW.state <> 'live')
        ) AND NOT EXISTS (SELECT 1 FROM governance_emergency e WHERE e.release_id = NEW.id) THEN
            RAISE EXCEPTION 'release % has no approval of its current decision and no emergency right', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'release_approved';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
"""

# What a person promised stays what it is until it is closed, by another; closed is closed, and no row is taken away.
PROMISE = """
CREATE FUNCTION governance_promise_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a % is closed, never taken away', TG_ARGV[0]
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promise_kept';
    END IF;
    IF NEW.closed_by_id = NEW.owner_id THEN
        RAISE EXCEPTION 'who must meet a % does not close it', TG_ARGV[0]
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promise_closed_by_another';
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.state = 'closed' OR (NEW.text, NEW.owner_id, NEW.due_on, NEW.release_id,
        NEW.on_overdue, NEW.proof_wanted) IS DISTINCT FROM (OLD.text, OLD.owner_id, OLD.due_on, OLD.release_id,
        OLD.on_overdue, OLD.proof_wanted)) THEN
        RAISE EXCEPTION 'a % is fixed once set, and over once closed', TG_ARGV[0]
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promise_fixed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER condition_guard BEFORE INSERT OR UPDATE OR DELETE ON governance_condition
    FOR EACH ROW EXECUTE FUNCTION governance_promise_guard('condition');
CREATE TRIGGER finding_guard BEFORE INSERT OR UPDATE OR DELETE ON governance_finding
    FOR EACH ROW EXECUTE FUNCTION governance_promise_guard('finding');
"""

EMERGENCY = """
CREATE FUNCTION governance_emergency_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked record;
BEGIN
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND (NEW.release_id, NEW.declared_by_id, NEW.decision_digest, NEW.reason,
        NEW.declared_at, NEW.role) IS DISTINCT FROM (OLD.release_id, OLD.declared_by_id, OLD.decision_digest,
        OLD.reason, OLD.declared_at, OLD.role)) THEN
        RAISE EXCEPTION 'an emergency right is recorded once and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'emergency_fixed';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        RETURN NEW;
    END IF;
    SELECT r.state, r.requested_by_id, v.created_by_id, t.trained_by_id INTO asked
        FROM governance_release r
        JOIN catalog_modelversion v ON v.id = r.version_id
        LEFT JOIN catalog_trainingrun t ON t.id = v.training_run_id
        WHERE r.id = NEW.release_id;
    IF NEW.declared_by_id IN (asked.requested_by_id, asked.created_by_id)
        OR NEW.declared_by_id IS NOT DISTINCT FROM asked.trained_by_id THEN
        RAISE EXCEPTION 'who requested, trained or registered a version does not declare its emergency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'emergency_separation_of_duties';
    END IF;
    IF asked.state <> 'in_review' THEN
        RAISE EXCEPTION 'an emergency is declared of a release that waits for people, not of one that is %', asked.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'emergency_release_open';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER emergency_guard BEFORE INSERT OR UPDATE OR DELETE ON governance_emergency
    FOR EACH ROW EXECUTE FUNCTION governance_emergency_guard();
"""

UNDO_PROMISE = """
DROP TRIGGER condition_guard ON governance_condition; DROP TRIGGER finding_guard ON governance_finding;
DROP FUNCTION governance_promise_guard();
"""
UNDO_EMERGENCY = """
DROP TRIGGER emergency_guard ON governance_emergency; DROP FUNCTION governance_emergency_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0006_life_of_a_release")]

    operations = [
        migrations.RunSQL(RELEASE, migrations.RunSQL.noop),
        migrations.RunSQL(PROMISE, UNDO_PROMISE),
        migrations.RunSQL(EMERGENCY, UNDO_EMERGENCY),
    ]
