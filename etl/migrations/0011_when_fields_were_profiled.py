from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("etl", "0010_without_indexes_that_others_begin_with"),
    ]

    operations = [
        migrations.AddField(
            model_name="etljob",
            name="fields_profiled_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
