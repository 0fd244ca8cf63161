import django.db.models.deletion
import django.db.models.functions.datetime
import integrations.encryption
import integrations.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenancy', '0002_keys_and_audit'),
    ]

    operations = [
        migrations.CreateModel(
            name='Integration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('active', models.BooleanField(db_default=True, default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('last_updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('provider', models.CharField(max_length=50, validators=[integrations.models._check_provider])),
                ('name', models.CharField(max_length=200)),
                ('settings', models.JSONField(blank=True, default=dict)),
                ('secrets', integrations.encryption.EncryptedJSONField(blank=True, default=dict, editable=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'db_table': 'integrations',
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='integrations_name')],
            },
        ),
        migrations.CreateModel(
            name='IntegrationLimit',
            fields=[
                ('active', models.BooleanField(db_default=True, default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('last_updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='limit', serialize=False, to='integrations.integration')),
                ('blocked_until', models.DateTimeField(blank=True, null=True)),
                ('errors_in_a_row', models.PositiveIntegerField(db_default=0, default=0)),
                ('limits_in_a_row', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('next_call_at', models.DateTimeField(editable=False, null=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'db_table': 'integration_limits',
            },
        ),
        migrations.CreateModel(
            name='IntegrationLogo',
            fields=[
                ('active', models.BooleanField(db_default=True, default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('last_updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='logo', serialize=False, to='integrations.integration')),
                ('content_type', models.CharField(max_length=20)),
                ('content', models.BinaryField()),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'db_table': 'integration_logos',
            },
        ),
        migrations.CreateModel(
            name='IntegrationToken',
            fields=[
                ('active', models.BooleanField(db_default=True, default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('last_updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='token', serialize=False, to='integrations.integration')),
                ('secrets', integrations.encryption.EncryptedJSONField(blank=True, default=dict, editable=False)),
                ('minted_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'db_table': 'integration_tokens',
            },
        ),
    ]
