"""What the database itself refuses about roles: both lines over one team, and a service identity that decides."""

from django.db import migrations

# A copy of the role sets in choices.py, because a migration is never edited; a test holds them together.
GUARD = """
CREATE FUNCTION accounts_membership_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first text[] := ARRAY['developer', 'model_owner'];
    second text[] := ARRAY['validator', 'risk', 'fairness', 'legal', 'compliance'];
    holder text;
BEGIN
    IF NEW.ended_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    -- One grant at a time for one account: two at once would not see each other.
    SELECT kind INTO holder FROM accounts_user WHERE id = NEW.user_id FOR UPDATE;
    IF holder <> 'person' AND NEW.role <> 'viewer' AND NOT NEW.role = ANY (first) THEN
        RAISE EXCEPTION 'a service identity cannot be %', NEW.role
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_service_roles';
    END IF;
    IF EXISTS (
        SELECT 1 FROM accounts_membership m
        WHERE m.user_id = NEW.user_id AND m.id IS DISTINCT FROM NEW.id AND m.ended_at IS NULL
          AND (m.team_id IS NULL OR NEW.team_id IS NULL OR m.team_id = NEW.team_id)
          AND ((m.role = ANY (first) AND NEW.role = ANY (second))
            OR (m.role = ANY (second) AND NEW.role = ANY (first)))
    ) THEN
        RAISE EXCEPTION 'one account cannot hold roles of the first and of the second line over one team'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_lines_apart';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER membership_guard BEFORE INSERT OR UPDATE ON accounts_membership
    FOR EACH ROW EXECUTE FUNCTION accounts_membership_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_passwords_and_responsible")]

    operations = [
        migrations.RunSQL(
            GUARD,
            "DROP TRIGGER membership_guard ON accounts_membership; DROP FUNCTION accounts_membership_guard();",
        ),
    ]
