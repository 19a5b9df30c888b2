"""A published text stays what it is, a retired one stays retired, and a draft that is over stays as it ended.

Else whoever writes statements past the services could put an old approval under a new version, or change a text that
was approved, with an entry in the log as the only trace.
"""

from django.db import migrations

VERSION = """
CREATE FUNCTION governance_policyversion_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'policy version % stays as it was published; all that can be done is to retire it', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_version_fixed';
END
$$;
CREATE TRIGGER policy_version_fixed BEFORE UPDATE ON governance_policyversion FOR EACH ROW WHEN (
    (NEW.id, NEW.policy_id, NEW.number, NEW.source, NEW.digest, NEW.enforcement, NEW.author_id, NEW.published_at)
        IS DISTINCT FROM
    (OLD.id, OLD.policy_id, OLD.number, OLD.source, OLD.digest, OLD.enforcement, OLD.author_id, OLD.published_at)
    OR (OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at)
) EXECUTE FUNCTION governance_policyversion_fixed();
"""

DRAFT = """
CREATE FUNCTION governance_policydraft_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'draft % is over: %', OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_over';
END
$$;
CREATE TRIGGER policy_draft_over BEFORE UPDATE ON governance_policydraft FOR EACH ROW WHEN (
    OLD.state IN ('active', 'rejected', 'abandoned') AND NEW IS DISTINCT FROM OLD
) EXECUTE FUNCTION governance_policydraft_over();
"""


def _drop(name: str, table: str, function: str) -> str:
    return f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {function}();"


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_plurals")]

    operations = [
        migrations.RunSQL(
            VERSION, _drop("policy_version_fixed", "governance_policyversion", "governance_policyversion_fixed")
        ),
        migrations.RunSQL(DRAFT, _drop("policy_draft_over", "governance_policydraft", "governance_policydraft_over")),
    ]
