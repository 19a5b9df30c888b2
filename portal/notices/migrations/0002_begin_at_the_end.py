"""An installation that has a history is told of what comes, not of what was."""

from django.db import migrations
from django.db.models import Max


def begin(apps, schema_editor):
    last = apps.get_model("ledger", "LedgerEntry").objects.aggregate(last=Max("idx"))["last"]
    if last is not None:
        apps.get_model("notices", "Cursor").objects.get_or_create(pk=1, defaults={"position": last})


class Migration(migrations.Migration):

    dependencies = [("notices", "0001_notices"), ("ledger", "0002_entry_team")]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
