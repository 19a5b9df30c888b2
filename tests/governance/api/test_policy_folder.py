"""The command line against the real portal: a Git folder that drifts and is pushed, a decision that repeats offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audits.services.packs import request_pack
from audits.services.report_data import build_document
from governance.gates.cli import main
from governance.models import PolicyDraft, Release
from tests.factories import people
from tests.governance.house import POLICY, House

pytestmark = pytest.mark.django_db(transaction=True)


def test_folder_and_portal_agree_differ_and_agree_to_talk(
    live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    House()
    monkeypatch.setenv("GATEHOUSE_URL", live_server.url)
    monkeypatch.setenv("GATEHOUSE_TOKEN", people.token(people.person("risk")))

    def run(*arguments: object) -> tuple[int, Any]:
        code = main([*(str(one) for one in arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, pulled = run("pull", tmp_path)
    assert (code, pulled["new_key"], pulled["differences"]) == (0, True, [])
    file = tmp_path / "accuracy-floor.yaml"
    assert run("status", tmp_path) == (0, {"digest": pulled["digest"], "differences": []})
    file.write_text(file.read_text().replace("default: 0.8}", "default: 0.85}"))
    code, status = run("status", tmp_path)
    assert (code, [(one["state"], one["name"]) for one in status["differences"]]) == (
        1,
        [("changed", "accuracy-floor")],
    )

    code, pushed = run("push", tmp_path, "--reason", "A higher floor.")
    draft = PolicyDraft.objects.latest("pk")
    assert code == 0
    assert [(one["id"], one["state"]) for one in pushed["drafts"]] == [(draft.public_id, draft.state)]
    assert draft.source == file.read_text()
    # Nothing is in force by being pushed.
    assert run("status", tmp_path)[0] == 1

    monkeypatch.setenv("GATEHOUSE_TOKEN", people.token(people.person()))
    assert main(["push", str(tmp_path), "--reason", "Mine."]) == 4
    assert "403" in capsys.readouterr().err


@pytest.fixture
def release() -> Release:
    return House().release()


def test_stored_decision_repeats_offline(release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From an evidence pack; and as the API gives it, with the texts in force then beside it."""
    pack = request_pack(release, actor=people.person("auditor"))
    (tmp_path / "evidence.json").write_text(json.dumps(build_document(pack), default=str))
    assert main(["replay", "--pack", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: identical\n"

    client = Client(headers={"authorization": f"Bearer {people.token(people.person('auditor'))}"})
    assert release.decision is not None
    number = release.decision.public_id
    (tmp_path / f"{number}.json").write_bytes(client.get(f"/api/v1/decisions/{number}").content)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "floor.yaml").write_text(POLICY)
    assert main(["replay", str(tmp_path / f"{number}.json")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / number}.json: identical\n"

    file = tmp_path / "policies" / "floor.yaml"
    assert main(["case", str(tmp_path / f"{number}.json"), "--policy", str(file), "--write"]) == 0
    assert f"as decided in {number}" in file.read_text()
    assert main(["test", str(tmp_path / "policies")]) == 0
