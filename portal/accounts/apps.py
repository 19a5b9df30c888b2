from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from portal.accounts import ledger_states  # noqa: F401, PLC0415 (registers once apps are loaded)
