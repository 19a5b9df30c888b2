"""`manage.py replay_decision`: identical bytes, or the first difference and exit 1."""

import io

import pytest
from django.core.management import CommandError, call_command

from governance.services import decisions
from tests.factories import governance

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("replay_decision", *arguments, stdout=out)
    return out.getvalue()


def test_replay_gives_identical_bytes() -> None:
    release = governance.release_in_review()
    assert "identical" in run(release.decision.public_id)
    assert "1 decision replayed: identical." in run("--all")


def test_replay_after_a_newer_policy_still_uses_the_old_text() -> None:
    release = governance.release_in_review()
    governance.second_look()
    assert "identical" in run(str(release.decision_id))


def test_replay_names_the_difference(monkeypatch) -> None:
    release = governance.release_in_review()
    row = release.decision
    # The table is append-only: the changed row is only in memory, as a tampered database would hand it out.
    row.result_text = row.result_text.replace('"verdict":"pass"', '"verdict":"fail"', 1)
    outcome = decisions.replay_decision(row)
    assert not outcome.identical
    assert "byte" in outcome.difference
    monkeypatch.setattr("governance.management.commands.replay_decision.in_chunks", lambda rows: iter([row]))
    with pytest.raises(CommandError, match="1 of 1 decisions gave other bytes") as caught:
        run("--all")
    assert caught.value.returncode == 1


@pytest.mark.parametrize("arguments", [(), ("7", "--all"), ("D-x",), ("999999",)])
def test_replay_of_nothing_is_an_error(arguments) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 2
