from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "portal.notices"
    label = "notices"

    def ready(self) -> None:
        from portal import keys  # noqa: PLC0415
        from portal.notices import ledger_states, secrets, tasks  # noqa: F401, PLC0415 (register once loaded)

        keys.register(secrets.make_master_key)
