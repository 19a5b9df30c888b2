from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        from governance import ledger_states, nav, subscriptions, tasks  # noqa: F401, PLC0415 (register once loaded)
