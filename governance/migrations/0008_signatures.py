import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_passkey_guards'),
        ('governance', '0007_life_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApprovalSignature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('statement', models.TextField(help_text='Canonical JSON; its SHA-256 is the challenge')),
                ('statement_digest', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[0-9a-f]{64}$', 'A SHA-256 digest is 64 lower-case hexadecimal digits.')])),
                ('authenticator_data', models.TextField()),
                ('client_data', models.TextField()),
                ('signature', models.TextField()),
                ('rp_id', models.CharField(max_length=253)),
                ('origin', models.CharField(max_length=300)),
                ('reason_salt', models.CharField(max_length=32, null=True)),
                ('signed_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='PendingStatement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[0-9a-f]{64}$', 'A SHA-256 digest is 64 lower-case hexadecimal digits.')])),
                ('text', models.TextField(help_text='Canonical JSON')),
                ('reason_salt', models.CharField(blank=True, max_length=32)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='approvalsignature',
            name='approval',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='signature', to='governance.approval'),
        ),
        migrations.AddField(
            model_name='approvalsignature',
            name='passkey',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='accounts.passkey'),
        ),
        migrations.AddField(
            model_name='pendingstatement',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='pendingstatement',
            name='release',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='governance.release'),
        ),
        migrations.AddIndex(
            model_name='pendingstatement',
            index=models.Index(fields=['person', 'expires_at'], name='statement_of_person'),
        ),
    ]
