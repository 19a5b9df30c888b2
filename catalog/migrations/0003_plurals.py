from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_attestations")]

    operations = [
        migrations.AlterModelOptions(name="evidence", options={"verbose_name_plural": "pieces of evidence"}),
    ]
