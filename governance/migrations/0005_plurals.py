from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("governance", "0004_draft_guards")]

    operations = [
        migrations.AlterModelOptions(name="decisionpolicy", options={"verbose_name_plural": "decision policies"}),
    ]
