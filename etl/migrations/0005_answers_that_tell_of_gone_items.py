from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('etl', '0004_jira_whole'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='rawextractiondata',
            index=models.Index(condition=models.Q(('extraction_metadata__has_key', 'gone')), fields=['integration', 'id'], name='raw_gone'),
        ),
    ]
