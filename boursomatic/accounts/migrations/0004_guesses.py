"""Counts of wrong guesses of our own; the tables of django-axes, which counted them before, go."""

from django.db import migrations, models

AXES = ("axes_accessattemptexpiration", "axes_accessattempt", "axes_accessfailurelog", "axes_accesslog")


def drop_axes(apps, schema_editor):
    """And its migrations, so that a release of before, or whoever installs it again, makes the tables anew."""
    with schema_editor.connection.cursor() as cursor:
        for table in AXES:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'axes'")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_hidden_columns"),
    ]

    operations = [
        migrations.CreateModel(
            name="GuessCount",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.RunPython(drop_axes, migrations.RunPython.noop),
    ]
