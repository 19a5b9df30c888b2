from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"

    def ready(self) -> None:
        from demo import strip  # noqa: F401, PLC0415 (registers its panel once apps are loaded)
