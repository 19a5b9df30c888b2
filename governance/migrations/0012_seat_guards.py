"""What the database itself refuses about seats, whoever writes the statement."""

from django.db import migrations

APPROVAL = """
CREATE OR REPLACE FUNCTION governance_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked record;
    lent record;
    giver bigint := NULL;
BEGIN
    -- One decision at a time, so that what is looked at below stands still.
    PERFORM 1 FROM governance_release r WHERE r.id = NEW.release_id FOR UPDATE;
    SELECT r.state, r.requested_by_id, r.decision_id, r.endpoint_id, d.digest, d.verdict, d.result_text,
        v.created_by_id, v.model_id, m.team_id, t.trained_by_id
        INTO asked
        FROM governance_release r
        JOIN catalog_modelversion v ON v.id = r.version_id
        JOIN catalog_registeredmodel m ON m.id = v.model_id
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
    IF EXISTS (SELECT 1 FROM governance_recusal c WHERE c.release_id = NEW.release_id AND c.person_id = NEW.person_id)
    THEN
        RAISE EXCEPTION 'who stood back from a release does not decide on it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_recused';
    END IF;
    IF EXISTS (
        SELECT 1 FROM governance_approval a
        WHERE a.release_id = NEW.release_id AND a.person_id = NEW.person_id AND a.role <> NEW.role
    ) OR EXISTS (
        SELECT 1 FROM governance_vote w JOIN governance_sitting s ON s.id = w.sitting_id
        WHERE s.release_id = NEW.release_id AND w.person_id = NEW.person_id AND s.role <> NEW.role
    ) THEN
        RAISE EXCEPTION 'one person fills one seat of a release'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_one_seat';
    END IF;
    IF EXISTS (
        SELECT 1 FROM governance_approval a
        WHERE a.release_id = NEW.release_id AND a.person_id = NEW.person_id AND a.decision_id = NEW.decision_id
            AND (a.valid_until IS NULL OR a.valid_until > NEW.decided_at)
    ) THEN
        RAISE EXCEPTION 'one person decides once on one decision'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'approval_once_per_person';
    END IF;
    IF EXISTS (
        SELECT 1 FROM governance_decisionpolicy b
        JOIN governance_policyversion p ON p.id = b.policy_version_id
        JOIN governance_policy n ON n.id = p.policy_id
        WHERE b.decision_id = NEW.decision_id AND p.author_id = NEW.person_id AND (
            EXISTS (
                SELECT 1 FROM jsonb_array_elements(asked.result_text::jsonb -> 'policies') one,
                    jsonb_array_elements(one -> 'approvals') seat
                WHERE one ->> 'name' = n.name AND coalesce(seat ->> 'role', seat #>> '{}') = NEW.role
            ) OR EXISTS (
                SELECT 1 FROM jsonb_array_elements(asked.result_text::jsonb -> 'rules') rule
                WHERE rule ->> 'policy' = n.name AND rule ->> 'role' = NEW.role
                    AND rule ->> 'verdict' = 'ask' AND rule ->> 'enforcement' = 'block'
            )
        )
    ) THEN
        RAISE EXCEPTION 'the author of the policy that asks a seat does not fill it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_policy_author';
    END IF;
    IF NEW.delegation_id IS NOT NULL THEN
        SELECT * INTO lent FROM governance_delegation g WHERE g.id = NEW.delegation_id;
        giver := lent.giver_id;
        IF lent.deputy_id <> NEW.person_id OR lent.role <> NEW.role OR lent.revoked_at IS NOT NULL
            OR NEW.decided_at < lent.starts_at OR NEW.decided_at >= lent.until
            OR NOT (lent.team_id IS NOT DISTINCT FROM asked.team_id OR lent.model_id IS NOT DISTINCT FROM asked.model_id
                OR lent.endpoint_id IS NOT DISTINCT FROM asked.endpoint_id) THEN
            RAISE EXCEPTION 'the delegation does not cover this approval'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_delegation';
        END IF;
        IF lent.giver_id IN (asked.requested_by_id, asked.created_by_id)
            OR lent.giver_id IS NOT DISTINCT FROM asked.trained_by_id THEN
            RAISE EXCEPTION 'who requested, trained or registered a version lends no seat of its release'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_delegation_duties';
        END IF;
    END IF;
    -- Giver and deputy are one where seats are counted.
    IF EXISTS (
        SELECT 1 FROM governance_approval a LEFT JOIN governance_delegation g ON g.id = a.delegation_id
        WHERE a.release_id = NEW.release_id AND a.decision_id = NEW.decision_id
            AND a.choice IN ('approve', 'conditions')
            AND (a.valid_until IS NULL OR a.valid_until > NEW.decided_at)
            AND NOT EXISTS (
                SELECT 1 FROM governance_recusal c
                WHERE c.release_id = a.release_id AND c.person_id = a.person_id
            )
            AND (g.giver_id = NEW.person_id OR a.person_id = giver OR g.giver_id = giver)
    ) THEN
        RAISE EXCEPTION 'a delegation is never a second seat'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_delegation_second_seat';
    END IF;
    IF NEW.sitting_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM governance_sitting s WHERE s.id = NEW.sitting_id AND s.release_id = NEW.release_id
            AND s.decision_id = NEW.decision_id AND s.role = NEW.role AND s.chair_id = NEW.person_id
            AND (NEW.choice NOT IN ('approve', 'conditions') OR s.quorum <= (
                SELECT count(*) FROM governance_vote w WHERE w.sitting_id = s.id AND w.choice = 'yes'))
    ) THEN
        RAISE EXCEPTION 'the committee sat on something else, or did not reach its quorum'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_sitting';
    END IF;
    RETURN NEW;
END
$$;
"""

# Fires after release_guard, by its name.
VALIDATION = """
CREATE FUNCTION governance_release_validation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = OLD.state OR NEW.state NOT IN ('approved', 'rolling_out', 'burn_in', 'live') THEN
        RETURN NEW;
    END IF;
    IF EXISTS (
        SELECT 1 FROM governance_approval a JOIN governance_decision d ON d.id = a.decision_id
        JOIN governance_decision n ON n.id = NEW.decision_id
        WHERE a.opinion = 'not_fit' AND d.version_id = NEW.version_id AND d.endpoint_id = NEW.endpoint_id
            AND d.inputs_digest = n.inputs_digest AND NOT EXISTS (
                SELECT 1 FROM governance_approval l JOIN governance_decision e ON e.id = l.decision_id
                WHERE l.id > a.id AND l.person_id = a.person_id AND l.opinion <> ''
                    AND e.version_id = d.version_id AND e.endpoint_id = d.endpoint_id
                    AND e.inputs_digest = d.inputs_digest
            )
    ) THEN
        RAISE EXCEPTION 'validation found the version of release % not fit: it cannot go live', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_not_fit';
    END IF;
    IF OLD.state = 'in_review' AND EXISTS (
        SELECT 1 FROM catalog_modelversion v JOIN catalog_registeredmodel m ON m.id = v.model_id
        WHERE v.id = NEW.version_id AND m.risk_tier = 'high'
    ) AND NOT EXISTS (
        SELECT 1 FROM governance_approval a
        WHERE a.release_id = NEW.id AND a.role = 'validator' AND a.choice IN ('approve', 'conditions')
    ) AND NOT EXISTS (SELECT 1 FROM governance_emergency e WHERE e.release_id = NEW.id) THEN
        RAISE EXCEPTION 'release % of a high-risk model has no opinion of validation', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_validated';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER release_validation_guard BEFORE UPDATE ON governance_release
    FOR EACH ROW EXECUTE FUNCTION governance_release_validation_guard();
"""

DELEGATION = """
CREATE FUNCTION governance_delegation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND (OLD.revoked_at IS NOT NULL OR
        (NEW.giver_id, NEW.deputy_id, NEW.role, NEW.starts_at, NEW.until, NEW.reason, NEW.made_at)
            IS DISTINCT FROM
        (OLD.giver_id, OLD.deputy_id, OLD.role, OLD.starts_at, OLD.until, OLD.reason, OLD.made_at)
        OR (NEW.team_id, NEW.model_id, NEW.endpoint_id) IS DISTINCT FROM (OLD.team_id, OLD.model_id, OLD.endpoint_id)))
    THEN
        RAISE EXCEPTION 'a delegation is revoked once and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'delegation_fixed';
    END IF;
    IF TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT 1 FROM accounts_membership m
        WHERE m.user_id = NEW.giver_id AND m.role = NEW.role AND m.ended_at IS NULL
    ) THEN
        RAISE EXCEPTION 'only a role that is held is lent, and what is lent is not passed on'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'delegation_role_held';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER delegation_guard BEFORE INSERT OR UPDATE OR DELETE ON governance_delegation
    FOR EACH ROW EXECUTE FUNCTION governance_delegation_guard();
"""

SITTING = """
CREATE FUNCTION governance_sitting_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL
        OR (NEW.release_id, NEW.decision_id, NEW.decision_digest, NEW.role, NEW.chair_id, NEW.agenda, NEW.quorum,
            NEW.opened_at) IS DISTINCT FROM (OLD.release_id, OLD.decision_id, OLD.decision_digest, OLD.role,
            OLD.chair_id, OLD.agenda, OLD.quorum, OLD.opened_at) THEN
        RAISE EXCEPTION 'a sitting is closed once and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sitting_fixed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER sitting_guard BEFORE UPDATE OR DELETE ON governance_sitting
    FOR EACH ROW EXECUTE FUNCTION governance_sitting_guard();
CREATE FUNCTION governance_vote_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sat record;
BEGIN
    SELECT s.release_id, s.role, s.closed_at, r.requested_by_id, v.created_by_id, t.trained_by_id INTO sat
        FROM governance_sitting s JOIN governance_release r ON r.id = s.release_id
        JOIN catalog_modelversion v ON v.id = r.version_id
        LEFT JOIN catalog_trainingrun t ON t.id = v.training_run_id
        WHERE s.id = NEW.sitting_id;
    IF sat.closed_at IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM governance_sitting_members m WHERE m.sitting_id = NEW.sitting_id AND m.user_id = NEW.person_id
    ) THEN
        RAISE EXCEPTION 'a vote is cast by a member while the committee sits'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'vote_by_member';
    END IF;
    IF NEW.person_id IN (sat.requested_by_id, sat.created_by_id)
        OR NEW.person_id IS NOT DISTINCT FROM sat.trained_by_id THEN
        RAISE EXCEPTION 'who requested, trained or registered a version does not decide on its release'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'vote_separation_of_duties';
    END IF;
    IF EXISTS (SELECT 1 FROM governance_recusal c WHERE c.release_id = sat.release_id AND c.person_id = NEW.person_id)
        OR EXISTS (SELECT 1 FROM governance_approval a
            WHERE a.release_id = sat.release_id AND a.person_id = NEW.person_id AND a.role <> sat.role) THEN
        RAISE EXCEPTION 'one person fills one seat of a release, and none after standing back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'vote_one_seat';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER vote_guard BEFORE INSERT ON governance_vote
    FOR EACH ROW EXECUTE FUNCTION governance_vote_guard();
"""

MATERIALITY = """
CREATE FUNCTION governance_materialityclass_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    levels text[] := ARRAY['none', 'minor', 'material', 'substantial'];
BEGIN
    IF array_position(levels, NEW.level) < array_position(levels, NEW.computed) AND NOT EXISTS (
        SELECT 1 FROM accounts_membership m WHERE m.user_id = NEW.set_by_id AND m.ended_at IS NULL
            AND m.role IN ('validator', 'risk', 'fairness', 'legal', 'compliance')
    ) THEN
        RAISE EXCEPTION 'only the second line lowers the class of a difference'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'materiality_lowered_by_second_line';
    END IF;
    IF EXISTS (
        SELECT 1 FROM governance_release r JOIN catalog_modelversion v ON v.id = r.version_id
        LEFT JOIN catalog_trainingrun t ON t.id = v.training_run_id
        WHERE r.id = NEW.release_id AND NEW.set_by_id IN (r.requested_by_id, v.created_by_id, t.trained_by_id)
    ) THEN
        RAISE EXCEPTION 'who requested, trained or registered a version does not class its difference'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'materiality_separation_of_duties';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER materiality_guard BEFORE INSERT ON governance_materialityclass
    FOR EACH ROW EXECUTE FUNCTION governance_materialityclass_guard();
"""


def _drop(trigger: str, table: str, function: str) -> str:
    return f"DROP TRIGGER {trigger} ON governance_{table}; DROP FUNCTION governance_{function}();"


class Migration(migrations.Migration):
    dependencies = [("governance", "0011_seats")]

    operations = [
        migrations.RunSQL(APPROVAL, migrations.RunSQL.noop),
        migrations.RunSQL(VALIDATION, _drop("release_validation_guard", "release", "release_validation_guard")),
        migrations.RunSQL(DELEGATION, _drop("delegation_guard", "delegation", "delegation_guard")),
        migrations.RunSQL(
            SITTING,
            _drop("sitting_guard", "sitting", "sitting_guard") + _drop("vote_guard", "vote", "vote_guard"),
        ),
        migrations.RunSQL(MATERIALITY, _drop("materiality_guard", "materialityclass", "materialityclass_guard")),
    ]
