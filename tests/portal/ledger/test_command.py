import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.ledger import notes, outside
from portal.ledger.keys import key_path, verifier
from tests.factories import people
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments):
    out = StringIO()
    call_command("ledger", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*arguments):
    out = StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("ledger", *arguments, stdout=out, stderr=StringIO())
    return raised.value.returncode, str(raised.value), out.getvalue()


def test_verify_of_a_clean_log_says_so_with_the_level_of_assurance():
    people.team()
    log.fill(2)
    said = run("verify")
    assert "Nothing contradicts the log." in said
    assert "Read 3 entries, 1 governed rows" in said
    assert "on this machine" in said


def test_verify_with_findings_names_them_and_ends_with_1():
    team = people.team()
    log.fill(1)
    log.as_superuser("UPDATE accounts_team SET slug = 'x'")
    code, message, said = refused("verify")
    assert (code, message) == (1, "1 finding. Keep the evidence.")
    assert f"accounts_team {team.pk}: team {team.pk} was changed" in said


def test_verify_as_json_is_one_document():
    people.team()
    log.fill(1)
    log.as_superuser("DELETE FROM accounts_team")
    _, _, said = refused("verify", "--json")
    document = json.loads(said)
    assert document["clean"] is False
    assert document["findings"][0]["kind"] == "row-missing"
    assert set(document["findings"][0]) == {"kind", "table", "id", "text"}


def test_verify_without_the_key_ends_with_2(private_var):
    hidden = key_path().rename(private_var / "hidden.pem")
    try:
        code, message, _ = refused("verify")
        assert (code, "make_keys" in message) == (2, True)
    finally:
        hidden.rename(key_path())


def test_verify_with_a_checkpoint_that_cannot_be_read_ends_with_2(tmp_path):
    assert refused("verify", "--checkpoint", str(tmp_path / "none"))[0] == 2


def test_verify_against_a_checkpoint_kept_elsewhere(tmp_path):
    log.fill(3)
    (tmp_path / "mine").write_text(outside.latest_note())
    assert "kept elsewhere" in run("verify", "--checkpoint", str(tmp_path / "mine"))


def test_checkpoint_numbers_signs_and_prints_the_note():
    log.entry({})
    assert notes.open_checkpoint(run("checkpoint"), verifier()).size == 1


def test_checkpoint_of_an_empty_log_ends_with_2():
    assert refused("checkpoint")[0] == 2


def test_proof_prints_what_the_browser_checks():
    log.fill(3)
    bundle = json.loads(run("proof", "1"))
    assert (bundle["index"], bundle["size"], len(bundle["proof"])) == (1, 3, 2)


def test_proof_of_no_entry_ends_with_2():
    assert refused("proof", "7")[0] == 2
