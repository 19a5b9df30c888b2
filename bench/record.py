"""What the ledger costs an approval: decide_release as it is, against the same act without record().

    python bench/record.py [--releases 30]

It needs the databases of the environment (DATABASE_URL, DATABASE_OWNER_URL, GATEHOUSE_SUPERUSER_URL) and works on
a fresh copy of the test template. Both forms run in turns in the same process, on releases of the same kind; the
last approval of each opens the deployment. Without record() the deferred triggers that ask for an entry are off
too, so their cost counts as the ledger's. What others do after the commit because of an entry (the gates run
again) is not the ledger's: the subscribers are away in both forms. Prints the ratio of whole releases, both seats
and the deployment, and leaves with status 1 when it is beyond its mark.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
MARK = 0.25
NAME = f"gh_bench_record_{os.getpid()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=30, help="releases for each of the two forms")
    arguments = parser.parse_args()
    from tests import databases

    databases.clone(NAME)
    try:
        os.environ["DATABASE_URL"] = databases.url_for(NAME, role="app")
        with TemporaryDirectory() as folder:
            os.environ["GATEHOUSE_VAR"] = folder
            whole, bare = measure(arguments.releases)
    finally:
        databases.drop(NAME)
    share = (whole - bare) / bare
    print(f"decide_release     {whole * 1e3:8.2f} ms (both seats, median of {arguments.releases})")
    print(f"without record()   {bare * 1e3:8.2f} ms")
    print(f"record() costs     {share:8.1%} of the act without it (mark: at most {MARK:.0%})")
    return 0 if share <= MARK else 1


def measure(count: int) -> tuple[float, float]:
    """Median seconds of one decide_release: as it is, and without record()."""
    import django

    django.setup()
    from django.db import connection

    from portal.ledger import events
    from portal.ledger.keys import make_key
    from tests.factories import governance

    events._handlers.clear()
    make_key()
    who = governance.cast()
    releases = [governance.release_in_review(who) for _ in range(2 * count + 2)]
    for release in releases[:2]:
        approve(release, who)  # warm: imports, plans, parsed policies
    whole: list[float] = []
    bare: list[float] = []
    for number, release in enumerate(releases[2:]):
        if number % 2:
            with without_record():
                bare += approve(release, who)
        else:
            whole += approve(release, who)
    connection.close()
    return statistics.median(whole), statistics.median(bare)


def approve(release: Any, who: Any) -> list[float]:
    """Fill both seats; the seconds of both acts together."""
    from governance.services.approvals import decide_release

    seconds = []
    for role, person in who.reviewers.items():
        release.refresh_from_db()
        digest = release.decision.digest
        started = time.perf_counter()
        decide_release(release, actor=person, role=role, choice="approve", decision_digest=digest, reason="Good.")
        seconds.append(time.perf_counter() - started)
    return [sum(seconds)]


@contextmanager
def without_record() -> Iterator[None]:
    """The same code with a record() that does nothing, and a database that does not ask for entries."""
    from portal.ledger import services
    from portal.ledger.models import LedgerEntry

    def nothing(**options: Any) -> LedgerEntry:
        return LedgerEntry(event=options["event"])

    real = services.record
    places = [module for module in list(sys.modules.values()) if getattr(module, "record", None) is real]
    triggers("DISABLE")
    replace(places, nothing)
    try:
        yield
    finally:
        replace(places, real)
        triggers("ENABLE")


def replace(places: list[Any], function: Callable[..., Any]) -> None:
    for module in places:
        module.record = function


def triggers(verb: str) -> None:
    """Switch the triggers that ask for an entry, as the owner of the tables."""
    import psycopg

    from portal.ledger import states
    from tests import databases

    with psycopg.connect(databases.url_for(NAME), autocommit=True) as owner:
        for model in states.governed_models():
            for name in ("gatehouse_entry", "gatehouse_entry_update"):
                owner.execute(f'ALTER TABLE "{model._meta.db_table}" {verb} TRIGGER {name}')


if __name__ == "__main__":
    sys.exit(main())
