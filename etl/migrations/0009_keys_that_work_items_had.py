import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('etl', '0008_discovery_of_fields'),
        ('integrations', '0003_minted_tokens'),
        ('tenancy', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='workitem',
            name='former_keys',
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list, editable=False),
        ),
        migrations.AddIndex(
            model_name='workitem',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('former_keys', models.Value([], models.JSONField())), _negated=True), fields=['former_keys'], name='work_items_former_keys'),
        ),
    ]
