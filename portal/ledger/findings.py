"""What a verification says, and the collecting of it in bounded memory."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.db import models
from django.db.models import QuerySet

Report = Callable[[int, str], None]
MAX_KEPT = 1000
Row = TypeVar("Row", bound=models.Model)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One contradiction. kind: stable, for machines; table and id name the row; text says what differs."""

    kind: str
    table: str
    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Findings:
    """Findings in the order they were met: the first 1000 are kept, all are counted."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.by_kind: Counter[str] = Counter()

    def add(self, kind: str, table: str, id: object, text: str) -> None:
        self.by_kind[kind] += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(Finding(kind, table, str(id), text))


@dataclasses.dataclass(frozen=True)
class Verification:
    """The outcome: what was read, what was found, and how much that is worth (`assurance`: see selectors)."""

    findings: tuple[Finding, ...]
    count: int
    by_kind: dict[str, int]
    entries: int
    waiting: int
    size: int
    root: str
    rows: int
    checkpoints: int
    outside: int
    assurance: str

    @property
    def is_clean(self) -> bool:
        return self.count == 0

    def document(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return dataclasses.asdict(self) | {"clean": self.is_clean}


def chunks(rows: QuerySet[Row], key: str, size: int) -> Iterator[list[Row]]:
    """The rows in batches by ascending key; each batch is one query by index, and one batch is held at a time."""
    last: Any = None
    while True:
        page = rows if last is None else rows.filter(**{f"{key}__gt": last})
        found = list(page.order_by(key)[:size])
        if not found:
            return
        yield found
        last = functools.reduce(getattr, key.split("__"), found[-1])
