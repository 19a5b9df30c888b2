"""`make_keys`: the keys of this installation, each made once and kept."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from portal.keys import make_all
from portal.ledger.keys import make_key


class Command(BaseCommand):
    help = "Makes the ledger's key and the certificates of the seal; what is there is kept."

    def handle(self, *args: Any, **options: Any) -> None:
        make_key()
        make_all()
