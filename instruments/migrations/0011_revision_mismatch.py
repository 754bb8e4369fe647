from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instruments", "0010_source_symbols")]

    operations = [
        migrations.AddField("barrevision", "mismatch", models.JSONField(null=True)),
        migrations.AddIndex(
            "barrevision",
            models.Index(condition=models.Q(("mismatch__isnull", False)), fields=["series"], name="revision_mismatch"),
        ),
    ]
