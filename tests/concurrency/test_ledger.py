"""Many writers and two sequencers at once: nothing lost, nothing twice, each subject in order."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from portal.accounts.models import Team
from portal.ledger.models import Checkpoint, LedgerEntry
from portal.ledger.services import record, sequence, sign_checkpoint
from portal.ledger.verify import verify
from tests.factories import people

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, ACTS, SUBJECTS = 6, 20, 3


def closing(function: Callable[[], None]) -> Callable[[], None]:
    """Run in a thread of its own, with a connection of its own."""

    def run() -> None:
        try:
            function()
        finally:
            connection.close()

    return run


@transaction.atomic
def act(team_id: int, counters: dict[int, int]) -> None:
    """Change a team under its lock; the counter, raised under the same lock, tells the true order."""
    team = Team.objects.select_for_update().get(pk=team_id)
    counters[team_id] += 1
    team.name = f"Name {counters[team_id]}"
    team.save()
    record(actor=None, event="test:team:renamed", subject=team, body={"count": counters[team_id]})


def test_writers_and_two_sequencers_lose_nothing_and_keep_the_order_of_each_subject():
    teams = [people.team(f"team-{number}").pk for number in range(SUBJECTS)]
    before = LedgerEntry.objects.count()
    counters: dict[int, int] = defaultdict(int)
    over = threading.Event()

    @closing
    def write() -> None:
        for number in range(ACTS):
            act(teams[number % SUBJECTS], counters)

    @closing
    def number() -> None:
        while not over.is_set():
            sequence(limit=5)
            sign_checkpoint()

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        sequencers = [pool.submit(number) for _ in range(2)]
        for writer in [pool.submit(write) for _ in range(WRITERS)]:
            writer.result()
        over.set()
        for sequencer in sequencers:
            sequencer.result()
    while sequence():
        pass
    sign_checkpoint()

    numbers = list(LedgerEntry.objects.order_by("idx").values_list("idx", flat=True))
    assert numbers == list(range(before + WRITERS * ACTS))
    for team in teams:
        rows = LedgerEntry.objects.filter(event="test:team:renamed", subject_id=str(team)).order_by("idx")
        assert [row.body["count"] for row in rows] == list(range(1, counters[team] + 1))
    sizes = list(Checkpoint.objects.values_list("size", flat=True))
    assert max(Counter(sizes).values()) == 1
    assert verify().findings == ()


def test_verify_while_others_write_finds_nothing():
    team = people.team().pk
    counters: dict[int, int] = defaultdict(int)
    over = threading.Event()

    @closing
    def write() -> None:
        while not over.is_set():
            act(team, counters)

    @closing
    def number() -> None:
        while not over.is_set():
            sequence(limit=5)
            sign_checkpoint()

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(write), pool.submit(number)]
        found = []
        for _ in range(5):
            found += verify().findings
        over.set()
        for one in running:
            one.result()
    assert found == []


def test_writer_that_rolls_back_leaves_no_gap():
    team = people.team().pk
    counters: dict[int, int] = defaultdict(int)

    def fails() -> None:
        with transaction.atomic():
            act(team, counters)
            transaction.set_rollback(True)

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(closing(fails)) for _ in range(4)]:
            one.result()
    act(team, counters)
    while sequence():
        pass
    numbers = list(LedgerEntry.objects.order_by("idx").values_list("idx", flat=True))
    assert numbers == list(range(len(numbers)))
