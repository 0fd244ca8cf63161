import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('etl', '0009_keys_that_work_items_had'),
    ]

    operations = [
        migrations.AlterField(
            model_name='pr',
            name='repository',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='etl.repository'),
        ),
        migrations.AlterField(
            model_name='workitemprlink',
            name='work_item',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='etl.workitem'),
        ),
    ]
