"""Back-test and replay of stored decisions through their services, against reading the same rows and nothing more.

    python bench/backtest.py [--decisions 3000]

It needs the databases of the environment and works on a fresh copy of the test template, filled with that many
stored decisions of one version (the same facts, another moment each). Prints decisions a second, the ratio to the bare
reading of the same rows in the same run, and how memory grew between the first tenth and the end; leaves with status 1
when a mark is missed: 1,000 decisions a second of processor time for a policy of 5 rules, memory flat (5 %).
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
RATE_MARK, GROWTH_MARK = 1000, 1.05
NAME = f"gh_bench_backtest_{os.getpid()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=3000)
    arguments = parser.parse_args()
    from tests import databases

    databases.clone(NAME)
    try:
        os.environ["DATABASE_URL"] = databases.url_for(NAME, role="app")
        with TemporaryDirectory() as folder:
            os.environ["GATEHOUSE_VAR"] = folder
            return measure(arguments.decisions)
    finally:
        databases.drop(NAME)


def measure(number: int) -> int:
    """Fill, try, replay, print; the exit status."""
    import django

    django.setup()
    from bench.policy import FIVE, HEAD
    from governance.management.commands.replay_decision import in_chunks
    from governance.models import Decision
    from governance.services import backtests, drafts
    from governance.services.decisions import replay_decision
    from portal.keys import make_all
    from tests.factories import governance, people

    make_all()
    release = governance.release_in_review()
    assert release.decision is not None
    fill(release.decision, number)
    author = people.person("risk")
    source = (
        (HEAD + FIVE)
        .format(name="bench-five", number=1, step=0.0)
        .replace("{name: bench-five,", '{name: bench-five, reviewBy: "2099-01-01",')
    )
    draft = drafts.begin_draft(source, actor=author, reason="A benchmark.")
    rows = Decision.objects.order_by("pk")
    bare = seconds(lambda: sum(1 for _ in rows.values_list("facts_text", "result_text").iterator(chunk_size=500)))
    marks: list[int] = []
    tried = seconds(lambda: backtests.run_backtest(draft, actor=author, report=lambda *_: marks.append(rss())))
    again = seconds(lambda: [replay_decision(row).identical or sys.exit("a replay differs") for row in in_chunks(rows)])
    growth = marks[-1] / marks[max(0, len(marks) // 10)]
    print(f"back-test, 5 rules   {number / tried:9.0f} decisions/s   {tried / bare:6.1f} × reading the rows")
    print(f"replay, 3 policies   {number / again:9.0f} decisions/s   {again / bare:6.1f} × reading the rows")
    print(f"memory               {growth:9.3f} × of what it was after a tenth")
    good = number / tried >= RATE_MARK and growth <= GROWTH_MARK
    print("within the marks" if good else "BEYOND A MARK")
    return 0 if good else 1


def fill(first: Any, number: int) -> None:
    """Copies of a stored decision with their policies, as the owner of the tables would load them."""
    import psycopg

    from tests import databases

    with psycopg.connect(databases.url_for(NAME, role="superuser"), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        columns = [
            "version_id", "endpoint_id", "facts_text", "facts_digest", "inputs_digest", "result_text", "digest",
            "verdict", "made_by_id", "made_at",
        ]  # fmt: skip
        names = ", ".join(columns)
        connection.execute(
            f"INSERT INTO governance_decision ({names}) SELECT {names} FROM governance_decision, "
            "generate_series(2, %s) WHERE id = %s",
            [number, first.pk],
        )
        connection.execute(
            "INSERT INTO governance_decisionpolicy (decision_id, policy_version_id, position) SELECT d.id, "
            "p.policy_version_id, p.position FROM governance_decision d, governance_decisionpolicy p "
            "WHERE p.decision_id = %s AND d.id <> %s",
            [first.pk, first.pk],
        )


def seconds(act: Callable[[], object]) -> float:
    """Processor seconds of this process that the act takes."""
    start = time.process_time()
    act()
    return time.process_time() - start


def rss() -> int:
    """Peak resident memory so far, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
