"""Beats of notices."""

from __future__ import annotations

from celery import shared_task

from portal.notices import outbox, sending


@shared_task(name="portal.notices.tasks.tell")
def tell() -> None:
    """Turn what the ledger recorded into deliveries, and send what is due."""
    while outbox.gather() == outbox.BATCH:
        pass
    sending.wake()


@shared_task(name="portal.notices.tasks.prune")
def prune() -> None:
    outbox.prune()
