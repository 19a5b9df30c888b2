"""The demo leaves again, and the log still holds. Runs last: nothing of the story is there afterwards."""

from __future__ import annotations

import pytest

from tests.conftest import Stack

pytestmark = [pytest.mark.xdist_group("stack")]


def test_demo_leaves_and_the_log_holds(stack: Stack) -> None:
    said = stack.gatehouse("demo", "remove").stdout
    assert "The demo is gone" in said
    assert stack.gatehouse("demo", "logins").stdout == ""
    again = stack.gatehouse("demo", "remove", check=False)
    assert again.returncode != 0
    verified = stack.gatehouse("ledger", "verify", check=False)
    assert verified.returncode == 0, verified.stdout
