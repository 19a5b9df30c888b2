"""Background work of the ledger."""

from celery import shared_task

from portal.ledger.services import BATCH, sequence, sign_checkpoint


@shared_task(ignore_result=True)
def sequence_and_checkpoint() -> None:
    """Number what is committed, until a batch is not full, then sign what the tree has become."""
    while sequence() == BATCH:
        pass
    sign_checkpoint()
