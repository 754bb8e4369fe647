"""Notices of models become notices like others, in the app `notices`."""

from django.db import migrations

BATCH = 1000


def move(apps, schema_editor):
    notice = apps.get_model("notices", "Notice")
    rows = apps.get_model("predictions", "Notice").objects.order_by("pk")
    batch = []
    for row in rows.iterator(chunk_size=BATCH):
        same = {name: getattr(row, name) for name in ("kind", "day", "text", "figures", "made_at")}
        batch.append(notice(subject=row.version, **same))
        if len(batch) == BATCH:
            notice.objects.bulk_create(batch)
            batch = []
    notice.objects.bulk_create(batch)


def move_back(apps, schema_editor):
    before = apps.get_model("predictions", "Notice")
    kinds = ("features", "scores", "precision", "stale")
    for row in apps.get_model("notices", "Notice").objects.filter(kind__in=kinds).order_by("pk"):
        same = {name: getattr(row, name) for name in ("kind", "day", "text", "figures", "made_at")}
        before.objects.create(version=row.subject, **same)
        row.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0001_notices"),
        ("predictions", "0013_tranches"),
    ]

    operations = [
        migrations.RunPython(move, move_back),
        migrations.DeleteModel(name="Notice"),
    ]
