from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        from governance import ledger_states, nav, subscriptions, tasks  # noqa: F401, PLC0415 (register once loaded)
        from governance.services import bundles  # noqa: PLC0415
        from portal import keys  # noqa: PLC0415

        keys.register(bundles.make_bundle_key)
        from governance.pages import attest  # noqa: F401, PLC0415 (its panel stands on pages of the catalog)
        from governance.services import attested  # noqa: F401, PLC0415 (register once loaded)
