from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal import checks, database, pages  # noqa: F401, PLC0415 (checks register themselves)
        from portal.accounts import panels  # noqa: F401, PLC0415 (panels and search sources register themselves)
        from portal.shell import entries  # noqa: F401, PLC0415 (menu entries register themselves)

        post_migrate.connect(database.install, sender=self)
