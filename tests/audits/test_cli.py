"""`gatehouse bias`: offline, over one file, with a status that a pipeline can use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audits.fairness.cli import main
from tests.audits.conftest import ADULT, BAD, DATA


def test_text_names_group_ratio_and_reading(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ADULT), "--protected", "sex,race"]) == 1
    told = capsys.readouterr().out
    assert "16,281 rows, accuracy 0.8525" in told
    assert "Female" in told
    assert "0.318" in told
    assert "exploratory" in told


def test_json_is_one_document_with_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ADULT), "--protected", "sex,race", "--intersections", "2", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["below_line"] is True
    assert document["counts"]["n"] == document["report"]["n"] == 16281
    assert document["worst_intersections"][0]["attributes"] == ["sex", "race"]


def test_mitigated_passes_by_sex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DATA / "adult_predictions_mitigated.csv.gz"), "--protected", "sex"]) == 0
    assert "above" in capsys.readouterr().out


def test_the_favourable_outcome_and_the_reference_change_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    def lowest(*more: str) -> float:
        main([str(ADULT), "--protected", "sex", "--json", *more])
        report = json.loads(capsys.readouterr().out)["report"]
        return float(report["attributes"][0]["lowest_ratio"]["value"])

    assert lowest() == pytest.approx(0.3177, abs=1e-3)
    assert lowest("--favourable", "0") == pytest.approx(0.816, abs=1e-2)
    assert lowest("--reference", "sex=Female") > 3


@pytest.mark.parametrize("path", sorted(BAD.iterdir()), ids=lambda path: path.name)
def test_bad_file_leaves_with_2(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path), "--protected", "sex"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("gatehouse bias: ")
    assert "Traceback" not in told.err
    assert main([str(path), "--protected", "sex", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"]


def test_runs_as_a_module_without_django() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, audits.fairness.cli; print('django' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
