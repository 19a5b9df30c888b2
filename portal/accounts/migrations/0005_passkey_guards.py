"""What the database itself refuses about passkeys: another key under the old name, and a replacement that nobody knows."""

from django.db import migrations

KEY = """
CREATE FUNCTION accounts_passkey_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('waiting', 'active') OR (NEW.state = 'active' AND NEW.is_replacement) THEN
            RAISE EXCEPTION 'a key starts in use, or waits when it replaces another; not %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_transition';
        END IF;
        -- One enrolment at a time for one account: two at once would not see each other.
        PERFORM 1 FROM accounts_user WHERE id = NEW.user_id FOR UPDATE;
        IF NEW.state = 'active'
            AND EXISTS (SELECT 1 FROM accounts_passkey k WHERE k.user_id = NEW.user_id AND k.enrolled_at IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM accounts_passkey k WHERE k.user_id = NEW.user_id AND k.state = 'active')
        THEN
            RAISE EXCEPTION 'a key after the loss of all others waits for two other people'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_replacement_waits';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.user_id, NEW.credential_id, NEW.public_key, NEW.public_key_digest, NEW.algorithm, NEW.rp_id, NEW.origin,
        NEW.is_replacement, NEW.created_at) IS DISTINCT FROM
       (OLD.user_id, OLD.credential_id, OLD.public_key, OLD.public_key_digest, OLD.algorithm, OLD.rp_id, OLD.origin,
        OLD.is_replacement, OLD.created_at) THEN
        RAISE EXCEPTION 'key % is fixed', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_fixed';
    END IF;
    IF NEW.sign_count < OLD.sign_count OR (OLD.enrolled_at IS NOT NULL AND NEW.enrolled_at <> OLD.enrolled_at) THEN
        RAISE EXCEPTION 'counter and enrolment of key % do not go back', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_forward';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('waiting', 'active'), ('waiting', 'refused'), ('waiting', 'revoked'), ('active', 'revoked'), ('active', 'lost')
    ) THEN
        RAISE EXCEPTION 'key % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_transition';
    END IF;
    IF NEW.state = 'active' AND OLD.state = 'waiting' AND (
        SELECT count(DISTINCT a.person_id) FROM accounts_passkeyapproval a
        WHERE a.passkey_id = NEW.id AND a.person_id <> NEW.user_id
    ) < 2 THEN
        RAISE EXCEPTION 'key % is not approved by two other people', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_two_others';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER passkey_guard BEFORE INSERT OR UPDATE ON accounts_passkey
    FOR EACH ROW EXECUTE FUNCTION accounts_passkey_guard();
"""

APPROVAL = """
CREATE FUNCTION accounts_passkeyapproval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM accounts_passkey k
        WHERE k.id = NEW.passkey_id AND k.state = 'waiting' AND k.user_id <> NEW.person_id
    ) THEN
        RAISE EXCEPTION 'only another person approves a key, and only while it waits'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'passkey_approval_of_another';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER passkey_approval_guard BEFORE INSERT ON accounts_passkeyapproval
    FOR EACH ROW EXECUTE FUNCTION accounts_passkeyapproval_guard();
"""


def _drop(name: str, table: str) -> str:
    return f"DROP TRIGGER {name}_guard ON accounts_{table}; DROP FUNCTION accounts_{table}_guard();"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_passkeys")]

    operations = [
        migrations.RunSQL(KEY, _drop("passkey", "passkey")),
        migrations.RunSQL(APPROVAL, _drop("passkey_approval", "passkeyapproval")),
    ]
