from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        from governance import ledger_states, nav, notices, subscriptions, tasks  # noqa: F401, PLC0415 (register once loaded)
        from governance.services import (  # noqa: PLC0415
            bundles,
            desired,
            rollouts,  # noqa: F401 (it takes approved releases on)
        )
        from portal import keys  # noqa: PLC0415

        keys.register(bundles.make_bundle_key)
        keys.register(desired.make_desired_key)
        from governance import notices_rollouts  # noqa: F401, PLC0415 (register once loaded)
        from governance.pages import attest  # noqa: F401, PLC0415 (its panel stands on pages of the catalog)
        from governance.pages import rollouts as rollout_pages  # noqa: F401, PLC0415 (its panel stands on a release)
        from governance.services import attested  # noqa: F401, PLC0415 (register once loaded)
