"""The ledger app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    """Registers the ledger's models and system checks."""

    name = "portal.ledger"
    label = "ledger"
    verbose_name = "Ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import database  # noqa: PLC0415 (needs the models)
        from portal.ledger import checks  # noqa: F401, PLC0415 (registers once apps are loaded)

        # Sent once a run, when every migration is done. `portal` itself has no models, so it gets no signal.
        post_migrate.connect(database.install, sender=self)
