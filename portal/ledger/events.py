"""Who hears of an entry once its transaction has committed.

Apps to the left write entries; apps to the right subscribe to event names from their `ready()`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import transaction

if TYPE_CHECKING:
    from portal.ledger.models import LedgerEntry

logger = logging.getLogger(__name__)

Handler = Callable[["LedgerEntry"], None]
_handlers: dict[str, list[Handler]] = defaultdict(list)


def subscribe(event: str) -> Callable[[Handler], Handler]:
    """Decorator: run the handler with the entry after the commit of each transaction that recorded `event`.

    A handler runs once per entry, in the order of subscription; registering it twice changes nothing.
    What it raises is logged and reaches neither the request nor the other handlers.
    """

    def register(handler: Handler) -> Handler:
        if handler not in _handlers[event]:
            _handlers[event].append(handler)
        return handler

    return register


def unsubscribe(event: str, handler: Handler) -> None:
    """Forget a handler; silent when it was not subscribed."""
    if handler in _handlers.get(event, []):
        _handlers[event].remove(handler)


def dispatch_after_commit(entry: LedgerEntry) -> None:
    """Arrange for the subscribers of the entry's event to run when the open transaction commits."""
    if _handlers.get(entry.event):
        transaction.on_commit(lambda: _dispatch(entry))


def _dispatch(entry: LedgerEntry) -> None:
    for handler in list(_handlers.get(entry.event, ())):
        try:
            handler(entry)
        except Exception:
            # The change is committed: whatever a listener does wrong must not look like a failed request.
            name = getattr(handler, "__qualname__", repr(handler))
            logger.exception("ledger handler %s failed for %s, entry id %s", name, entry.event, entry.pk)
