"""The gate check over the API and the release page, each against something measured in the same run.

    python bench/portal.py [--versions 10000] [--calls 60]

It needs the databases of the environment (DATABASE_URL, DATABASE_OWNER_URL, GATEHOUSE_SUPERUSER_URL) and works on
a fresh copy of the test template, filled with that many versions. Prints the ratios and leaves with status 1 when
one is beyond its mark: a gate check may take 4 times an authenticated API view that reads one row, and the release
page at most 20 queries. The page's time is shown as a ratio to the same view, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
GATE_MARK, QUERY_MARK = 4.0, 20
NAME = f"gh_bench_portal_{os.getpid()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=60)
    arguments = parser.parse_args()
    from tests import databases

    databases.clone(NAME)
    try:
        os.environ["DATABASE_URL"] = databases.url_for(NAME, role="app")
        with TemporaryDirectory() as folder:
            os.environ["GATEHOUSE_VAR"] = folder
            return measure(arguments.versions, arguments.calls)
    finally:
        databases.drop(NAME)


def measure(versions: int, calls: int) -> int:
    """Fill, call in turns, print; the exit status."""
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from portal.ledger.keys import make_key
    from tests.factories import governance, people

    make_key()
    who = governance.cast()
    release = governance.release_in_review(who)
    fill(release.version, versions)
    header = {"HTTP_AUTHORIZATION": f"Bearer {people.token(who.developer)}"}
    api, reader = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
    reader.force_login(who.reviewers["validator"])
    model, version, endpoint = release.version.model.name, release.version.version, release.endpoint.name
    one_row = f"/api/v1/models/{model}"
    gate = f"{one_row}/versions/{version}/gate-checks"
    body = {"data": {"endpoint": endpoint}, "content_type": "application/json"}
    page = f"/releases/{release.public_id}/"
    acts: dict[str, Callable[[], Any]] = {
        "one row": lambda: api.get(one_row, **header),
        "gate check": lambda: api.post(gate, **body, **header),
        "release page": lambda: reader.get(page),
    }
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(calls + 3):
        for name, act in acts.items():
            began = time.perf_counter()
            answer = act()
            if answer.status_code != 200:
                raise SystemExit(f"{name} answered {answer.status_code}: {answer.content[:300]!r}")
            if turn >= 3:
                taken[name].append(time.perf_counter() - began)
    with CaptureQueriesContext(connection) as queries:
        reader.get(page)
    median = {name: statistics.median(values) for name, values in taken.items()}
    for name, value in median.items():
        print(f"{name:<14} {value * 1e3:8.2f} ms, {value / median['one row']:.2f} times one row")
    print(f"release page   {len(queries)} queries (mark: at most {QUERY_MARK}), {versions} versions in the database")
    connection.close()
    return 0 if median["gate check"] <= GATE_MARK * median["one row"] and len(queries) <= QUERY_MARK else 1


def fill(version: Any, count: int) -> None:
    """Copies of a version with their ledger entries, so that tables and indexes have their size."""
    from django.db import transaction

    from catalog.models import ModelVersion
    from portal.ledger.services import record

    for start in range(0, count, 500):
        with transaction.atomic():
            rows = ModelVersion.objects.bulk_create(
                ModelVersion(
                    model=version.model, version=f"bulk-{number}", digest=version.digest, created_by=version.created_by
                )
                for number in range(start, min(start + 500, count))
            )
            for row in rows:
                record(actor=None, event="catalog:version:registered", subject=row, body={"version": row.version})


if __name__ == "__main__":
    sys.exit(main())
