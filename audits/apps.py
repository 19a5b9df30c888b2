from django.apps import AppConfig


class AuditsConfig(AppConfig):
    name = "audits"

    def ready(self) -> None:
        from audits import ledger_states, nav, tasks  # noqa: F401, PLC0415 (register once loaded)
        from audits.services.certificates import ensure_certificates  # noqa: PLC0415 (needs the settings)
        from portal.keys import register  # noqa: PLC0415

        register(ensure_certificates)
