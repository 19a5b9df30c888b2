from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        from catalog import ledger_states, nav  # noqa: F401, PLC0415 (register once apps are loaded)
