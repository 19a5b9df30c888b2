"""Faults in the middle of work: what was acknowledged stays, and no job is lost, whichever part is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
from pathlib import Path

import pytest

from tests.conftest import Stack
from tests.journeys.test_newcomer import api

pytestmark = [pytest.mark.xdist_group("stack")]
DIGEST, SIZE = "b60dcfd56251ab53ac07bef88830f13e89a0142a8ccd9c3089ba106dc5b8cb7a", 121166


def child(stack: Stack, name: str) -> int:
    """The process id of a part, as the supervisor wrote it down."""
    return int(json.loads((stack.var / "run" / "pids.json").read_text())[name])


def waited(stack: Stack, token: str, job: str, seconds: float = 90.0) -> str:
    """The final state of a job; the portal may be away for a moment."""
    limit = time.monotonic() + seconds
    state = "unknown"
    while time.monotonic() < limit:
        try:
            state = str(api(stack, token, job)[1]["state"])
        except (urllib.error.URLError, OSError, ValueError):
            state = "away"
        if state in ("done", "failed", "dead", "cancelled"):
            break
        time.sleep(0.5)
    return state


@pytest.mark.parametrize("part", ["worker", "redis", "postgres"])
def test_part_killed_in_the_middle_of_a_job_loses_nothing(stack: Stack, part: str) -> None:
    token = stack.gatehouse("manage", "token", "create", "fault-pipeline", "--role", "developer").stdout.strip()
    base, version = "/models/tumour-triage/versions", f"fault-{part}"
    file = {"name": "decisions.csv.gz", "sha256": DIGEST, "size": SIZE}
    assert api(stack, token, base, {"version": version, "artifacts": [file]})[0] == 201
    sent = subprocess.run(
        [
            *("curl", "-sS", f"{stack.url}/api/v1{base}/{version}/predictions"),
            *("-H", f"Authorization: Bearer {token}", "-F", "protected=sex,race"),
            *("-F", "file=@demo/data/adult_predictions_mitigated.csv.gz"),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    job = json.loads(sent.stdout)["job"]
    os.kill(child(stack, part), signal.SIGKILL)
    path = job.split("/api/v1", 1)[1] if "/api/v1" in job else f"/jobs/{job}"
    assert waited(stack, token, path) == "done"
    _, kept = api(stack, token, f"{base}/{version}")
    assert kept["version"] == version
    _, evidence = api(stack, token, f"{base}/{version}/evidence")
    assert len(evidence["results"]) == 1, "done once, not twice"  # type: ignore[arg-type]
