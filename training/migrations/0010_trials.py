"""Trials in place of the tries of series and of universes: k in the order in which they were made, the label as Holm
gives it now, and each run's own."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from datetime import UTC, datetime, time
from typing import Any

import django.db.models.deletion
from django.core.management.color import no_style
from django.db import migrations, models
from django.db.models import Max, OuterRef, Q, Subquery

LEVEL = 0.05
BATCH = 2_000
OF_UNIVERSES = ("universe", "walk")


def fill_in(apps: Any, schema_editor: Any) -> None:
    """Trials keep the order of the tries; those of series keep their ids too, so that SQL can link the runs."""
    connection, trial = schema_editor.connection, apps.get_model("training", "Trial")
    for rows in (_candle_trials(apps), _universe_trials(apps)):
        trial.objects.bulk_create((trial(**row) for row in rows), batch_size=BATCH)
    for statement in connection.ops.sequence_reset_sql(no_style(), [trial]):
        schema_editor.execute(statement)
    _link_runs(apps)
    connection.check_constraints()  # now: PostgreSQL alters no table whose checks wait for the commit


def _candle_trials(apps: Any) -> Iterator[dict[str, Any]]:
    tries = apps.get_model("training", "Try").objects
    runs = apps.get_model("training", "TrainingRun").objects.filter(kind="candle", status="completed").order_by("id")
    columns = ("series_id", "params_hash", "candle_at", "p_value", "result__data_hash")
    first_run: dict[Hashable, tuple[float | None, str | None]] = {}
    for *key, p_value, data_hash in runs.values_list(*columns).iterator(chunk_size=BATCH):
        first_run.setdefault(tuple(key), (p_value, data_hash))
    series = apps.get_model("instruments", "Series").objects.values_list("pk", "instrument__symbol", "timeframe")
    scopes = {pk: f"{symbol} {timeframe}" for pk, symbol, timeframe in series}
    rows = tries.order_by("id").values("pk", "series_id", "params_hash", "candle_at", "p_value", "run_id", "made_at")
    ledgers: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.iterator(chunk_size=BATCH):
        ledgers[row["series_id"]].append(row)
    for ledger in ledgers.values():
        for k, row in enumerate(sorted(ledger, key=lambda row: (row["made_at"], row["pk"])), start=1):
            row["k"] = k
        line = _holm_line(row["p_value"] for row in ledger)
        for row in ledger:
            key = (row["series_id"], row["params_hash"], row["candle_at"])
            own_p, data_hash = first_run.get(key, (None, None))
            row["label"] = _label(own_p, 0.0) if row["p_value"] is None else _label(row["p_value"], line)
            row["data_hash"] = data_hash or ""
    for row in sorted((row for ledger in ledgers.values() for row in ledger), key=lambda row: row["pk"]):
        yield {"kind": "candle", "scope": scopes[row["series_id"]], "as_of": row.pop("candle_at"), **row}


def _universe_trials(apps: Any) -> Iterator[dict[str, Any]]:
    """Their ledgers were named; k is counted among those that share members, as it is from now on."""
    tries, runs = (apps.get_model("training", name).objects for name in ("UniverseTry", "TrainingRun"))
    offset = apps.get_model("training", "Try").objects.aggregate(last=Max("pk"))["last"] or 0
    found = runs.filter(kind__in=OF_UNIVERSES, status="completed")
    of_run = {
        run_id: (kind, symbols, data_hash)
        for run_id, kind, symbols, data_hash in found.values_list(
            "run_id", "kind", "detail__symbols", "result__data_hash"
        ).iterator(chunk_size=BATCH)
    }
    rows = list(tries.order_by("id").values("pk", "universe", "params_hash", "as_of", "p_value", "run_id", "made_at"))
    members_of = _Members(apps)
    for row in rows:
        # What the command walked has no run; a run that is gone was most likely one.
        row["kind"], symbols, data_hash = of_run.get(
            row["run_id"], ("walk" if row["run_id"] == "walk_forward" else "universe", None, None)
        )
        row["members"], row["data_hash"] = members_of(row["universe"], symbols), data_hash or ""
    ledgers = _Ledgers()
    for row in sorted(rows, key=lambda row: (row["made_at"], row["pk"])):
        row["k"] = ledgers.add(row["members"] or [row["universe"]])  # of one that nobody knows any more: by its name
    p_values = defaultdict(list)
    for row in rows:
        p_values[row["universe"]].append(row["p_value"])
    lines = {universe: _holm_line(values) for universe, values in p_values.items()}
    for row in rows:
        scope, day = row.pop("universe"), row.pop("as_of")
        as_of = datetime.combine(day, time.min, tzinfo=UTC)
        label = _label(row["p_value"], lines[scope])
        yield {**row, "pk": offset + row["pk"], "scope": scope, "as_of": as_of, "label": label}


def _link_runs(apps: Any) -> None:
    """Runs of the same configuration share a trial."""
    tries, runs, trials = (apps.get_model("training", name).objects for name in ("Try", "TrainingRun", "Trial"))
    key = {name: OuterRef(name) for name in ("series", "params_hash", "candle_at")}
    candles = runs.filter(kind="candle", status="completed")
    candles.update(trial=Subquery(tries.filter(**key).values("pk")[:1]))
    of_key = {
        (scope, params_hash, as_of.date().isoformat()): pk
        for pk, scope, params_hash, as_of in trials.filter(kind__in=OF_UNIVERSES).values_list(
            "pk", "scope", "params_hash", "as_of"
        )
    }
    sharing: dict[int, list[int]] = defaultdict(list)
    columns = ("result__universe", "params_hash", "result__as_of")
    for pk, *key_of in runs.filter(kind__in=OF_UNIVERSES, status="completed").values_list("pk", *columns):
        if tuple(key_of) in of_key:
            sharing[of_key[tuple(key_of)]].append(pk)
    for trial, pks in sharing.items():
        for start in range(0, len(pks), BATCH):
            runs.filter(pk__in=pks[start : start + BATCH]).update(trial=trial)


def _holm_line(p_values: Iterable[float | None]) -> float:
    """Holm (1979): the p-values below this are evidence. One that is missing counts as 1."""
    ordered = sorted(1.0 if p is None else p for p in p_values)
    for position, p in enumerate(ordered):
        if min(1.0, (len(ordered) - position) * p) >= LEVEL:
            return p
    return LEVEL


def _label(p_value: float | None, line: float) -> str:
    if p_value is None or p_value >= LEVEL:
        return "no_evidence"
    return "evidence" if p_value < line else "weak"


class _Members:
    """Ids of instruments: those of the symbols that a run named, else those that the universe has today."""

    def __init__(self, apps: Any) -> None:
        instruments = apps.get_model("instruments", "Instrument").objects
        self.ids = dict(instruments.values_list("symbol", "pk"))
        self.universes = defaultdict(list)
        self.universes["all"] = sorted(instruments.filter(active=True).values_list("pk", flat=True))
        universes = apps.get_model("instruments", "Universe").objects.filter(instruments__isnull=False)
        for name, pk in universes.order_by("instruments").values_list("name", "instruments"):
            self.universes[name].append(pk)

    def __call__(self, universe: str, symbols: list[str] | None) -> list[int]:
        named = sorted(self.ids[symbol] for symbol in symbols or () if symbol in self.ids)
        return named or self.universes.get(universe, [])


class _Ledgers:
    """Union-find over sets of members, linked where they share at least half of the smaller."""

    def __init__(self) -> None:
        self.place: dict[frozenset[Hashable], int] = {}
        self.root: list[int] = []
        self.counts: list[int] = []

    def add(self, members: Collection[Hashable]) -> int:
        """One trial more with these members: how many its ledger has now."""
        ids = frozenset(members)
        if ids not in self.place:
            new = len(self.root)
            linked = [at for other, at in self.place.items() if 2 * len(ids & other) >= min(len(ids), len(other))]
            self.place[ids] = new
            self.root.append(new)
            self.counts.append(0)
            for root in {self._root(at) for at in linked}:
                self.root[root] = new
                self.counts[new] += self.counts[root]
        root = self._root(self.place[ids])
        self.counts[root] += 1
        return self.counts[root]

    def _root(self, at: int) -> int:
        while self.root[at] != at:
            self.root[at] = self.root[self.root[at]]
            at = self.root[at]
        return at


class Migration(migrations.Migration):
    dependencies = [("instruments", "0002_features"), ("training", "0009_families_constraints")]

    operations = [
        migrations.CreateModel(
            name="Trial",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("scope", models.CharField(max_length=60)),
                (
                    "series",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trials",
                        to="instruments.series",
                    ),
                ),
                ("members", models.JSONField(default=list)),
                ("params_hash", models.CharField(max_length=64)),
                ("data_hash", models.CharField(blank=True, max_length=64)),
                ("as_of", models.DateTimeField()),
                ("k", models.PositiveIntegerField()),
                ("level", models.FloatField(null=True)),
                ("p_value", models.FloatField(null=True)),
                ("label", models.CharField(max_length=12)),
                ("run_id", models.CharField(max_length=40)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("scope", "params_hash", "as_of", "data_hash", "kind"), name="trial_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("p_value__isnull", True), Q(("p_value__gt", 0), ("p_value__lte", 1)), _connector="OR"
                        ),
                        name="trial_p",
                    ),
                    models.CheckConstraint(condition=Q(("k__gte", 1)), name="trial_k"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrialLock",
            fields=[("name", models.CharField(max_length=60, primary_key=True, serialize=False))],
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="trial",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="training.trial"
            ),
        ),
        migrations.RemoveIndex(model_name="trainingrun", name="run_listed"),
        migrations.RemoveIndex(model_name="trainingrun", name="run_proven"),
        migrations.RunPython(fill_in),
        migrations.AddIndex(
            model_name="trainingrun",
            index=models.Index(
                condition=Q(("deleted_at__isnull", True), ("subject__isnull", True)),
                fields=[
                    *("-id", "kind", "status", "series", "created_by", "candle_at", "created_at", "auc", "p_value"),
                    *("protocol", "feature_set", "universe", "deleted_at", "subject", "trial"),
                ],
                name="run_listed",
            ),
        ),
        migrations.DeleteModel(name="UniverseTry"),
        migrations.DeleteModel(name="Try"),
    ]
