"""Which notices there are and which entry of the ledger leads to which. Apps to the right register theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.ledger.models import LedgerEntry

TEST = "gatehouse.test"


@dataclass(frozen=True)
class Kind:
    """A type of notice: its name on the wire, its name for people, and who hears of it by e-mail."""

    type: str
    label: str
    whom: str


@dataclass(frozen=True)
class Draft:
    """What is to be told: nothing secret, nothing typed by people. path: the page that it leads to."""

    type: str
    title: str
    text: str = ""
    path: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    team: int | None = None
    people: Sequence[int] = ()


Translator = Callable[["LedgerEntry"], Iterable[Draft]]
_kinds: dict[str, Kind] = {}
_translators: dict[str, list[Translator]] = {}


def register_kind(type: str, label: str, whom: str) -> None:
    """Add a type of notice; called from an app's `ready()`."""
    _kinds[type] = Kind(type, label, whom)


def translate(*events: str) -> Callable[[Translator], Translator]:
    """Decorator: the function says what an entry of one of these events is to be told as.

    "governance:release:*" stands for every act on that kind of subject, also for those that come later.
    """

    def register(function: Translator) -> Translator:
        for event in events:
            known = _translators.setdefault(event, [])
            if function not in known:
                known.append(function)
        return function

    return register


def forget(event: str, function: Translator) -> None:
    """Take a translator out again; silent when it was not registered."""
    if function in _translators.get(event, []):
        _translators[event].remove(function)


def kinds() -> tuple[Kind, ...]:
    return tuple(_kinds.values())


def label_of(type: str) -> str:
    return _kinds[type].label if type in _kinds else "Test" if type == TEST else type


def translators_of(event: str) -> Sequence[Translator]:
    family = f"{event.rpartition(':')[0]}:*"
    return [*_translators.get(event, ()), *_translators.get(family, ())]
