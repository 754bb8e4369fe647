"""The table of who is in a universe gets dates: the rows that it has stay, open at both ends."""

import django.db.models.deletion
from django.db import migrations, models

_AS_BEFORE = migrations.CreateModel(
    name="UniverseMember",
    fields=[
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        (
            "universe",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="instruments.universe"
            ),
        ),
        (
            "instrument",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="instruments.instrument"
            ),
        ),
    ],
    options={"db_table": "instruments_universe_instruments", "unique_together": {("universe", "instrument")}},
)


class Migration(migrations.Migration):
    dependencies = [("instruments", "0008_corporate_actions")]

    operations = [
        migrations.SeparateDatabaseAndState(  # the table is the one that Django made for the two by itself
            state_operations=[
                _AS_BEFORE,
                migrations.AlterField(
                    model_name="universe",
                    name="instruments",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="universes",
                        through="instruments.UniverseMember",
                        to="instruments.instrument",
                    ),
                ),
            ],
        ),
        migrations.AlterModelTable(name="universemember", table=None),
        migrations.AlterUniqueTogether(name="universemember", unique_together=set()),
        migrations.AlterModelOptions(name="universemember", options={"ordering": ["universe", "instrument", "start"]}),
        migrations.AddField("universemember", "start", models.DateField(blank=True, null=True)),
        migrations.AddField("universemember", "end", models.DateField(blank=True, null=True)),
        migrations.AddConstraint(
            "universemember",
            models.UniqueConstraint(fields=["universe", "instrument", "start"], name="member_once"),
        ),
        migrations.AddConstraint(
            "universemember",
            models.UniqueConstraint(
                condition=models.Q(("start__isnull", True)), fields=["universe", "instrument"], name="member_once_open"
            ),
        ),
        migrations.AddConstraint(
            "universemember",
            models.CheckConstraint(
                condition=models.Q(
                    ("start__isnull", True), ("end__isnull", True), ("end__gte", models.F("start")), _connector="OR"
                ),
                name="member_ends_later",
            ),
        ),
    ]
