"""Pages over a full site: 5,000 instruments, 100,000 runs and models, 50,000 trials of one series, 100,000
recommendations; beside `healthz`.

table     runs, models, instruments, trials: as they open, sorted by a heading, and a later page
trials    the log of 50,000 trials beside that of 1,000
palette   what Ctrl-K finds
others    home, a day of 5,000 recommendations, the scorecard, forms, the chart's page, those of one instrument or run
CSV       all runs: the time, and the memory that it takes

Server time within one process, without a network. On a throw-away PostgreSQL, or with --sqlite on a file. Medians of
warm, interleaved rounds.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

ROUNDS = 7
INSTRUMENTS = 5_000
RUNS = 100_000  # half of them on one series, whose trials they are
DAYS = 20  # of recommendations, each of all instruments
MOST_MS = 150.0  # of a page
FEW = 1_000  # trials of the log that the great one is compared with
PAGES = {
    "healthz": "/healthz",
    "runs": "/runs/",
    "runs by AUC": "/runs/?sort=-auc",
    "runs by instrument": "/runs/?sort=subject",
    "runs by instrument, later": "/runs/?sort=subject&after={run}",
    "models": "/models/",
    "models by instrument": "/models/?sort=subject",
    "instruments": "/instruments/",
    "instruments by bars": "/instruments/?sort=-bars",
    "trials, few": "/trials/?symbol=FEW",
    "trials, many": "/trials/?symbol=MANY",
    "palette": "/palette?text=few",
    "home": "/",
    "recommendations": "/recommendations/",
    "recommendations by symbol": "/recommendations/?sort=symbol&label=BUY",
    "scorecard": "/recommendations/scorecard/",
    "drift": "/recommendations/drift/",
    "recommend": "/recommendations/new",
    "schedules": "/schedules/",
    "data": "/data/",
    "workers": "/workers/",
    "train a universe": "/training/universe/",
    "chart": "/backtest/",
    "an instrument": "/instrument/?symbol=MANY",
    "a universe": "/universes/bench/",
    "a run": "/runs/{run_id}/",
    "model history": "/models/history/",
}
CSV = "/runs/?format=csv"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench pages", description=__doc__)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument("--output", type=Path, default=Path("var/bench/pages.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "boursomatic.settings",
            "BOURSOMATIC_HOME": stack.enter_context(tempfile.TemporaryDirectory()),
            "BOURSOMATIC_DEMO": "0",
            "ALLOWED_HOSTS": "testserver",
            "DATABASE_URL": "" if options.sqlite else _postgres(stack),
        }
        Path(os.environ["BOURSOMATIC_HOME"], "static").mkdir()  # WhiteNoise looks for it
        import django  # noqa: PLC0415 - settings are read from the environment just set

        django.setup()
        _fill()
        seconds = _measure()
        csv_s, csv_mib = _export()
    for name, taken in seconds.items():
        above = f"   above {MOST_MS:g} ms" if 1000 * taken > MOST_MS else ""
        print(f"{name:<28}{1000 * taken:>8.1f} ms{taken / seconds['healthz']:>9.1f} x healthz{above}")
    print(f"{'trials, many / few':<28}{seconds['trials, many'] / seconds['trials, few']:>8.2f} x")
    print(f"{'CSV of all runs':<28}{csv_s:>8.1f} s{csv_mib:>9.1f} MiB more than before")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({**seconds, "csv": csv_s, "csv_mib": csv_mib}, indent=1))
    return 0


def _postgres(stack: ExitStack) -> str:
    from tests.postgres import server  # noqa: PLC0415 - needs PostgreSQL's binaries, which --help does not

    url: str = stack.enter_context(server()).url()
    return url


def _fill() -> None:
    from django.core.management import call_command  # noqa: PLC0415 - after django.setup
    from django.db import connection  # noqa: PLC0415

    from boursomatic.accounts.roles import Role  # noqa: PLC0415
    from instruments.models import Instrument  # noqa: PLC0415
    from tests.market import make_series  # noqa: PLC0415
    from tests.people import make_person  # noqa: PLC0415
    from tests.training.run_builders import make_model  # noqa: PLC0415
    from tests.training.thousands import completed, confirmed, multiply  # noqa: PLC0415
    from training.models import ModelVersion, TrainingRun  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    person = make_person("alice", Role.TRAINER)
    Instrument.objects.bulk_create(Instrument(symbol=f"I{n:05}", name=f"Company {n}") for n in range(INSTRUMENTS))
    for symbol, count in (("FEW", FEW), ("OTHER", RUNS // 2 - FEW), ("MANY", RUNS // 2)):
        run = completed(person, series=make_series(symbol, bars=250))
        confirmed(run, p_value=0.4)
        multiply(run, count, prefix=symbol)
    example = make_model(TrainingRun.objects.filter(kind="candle").earliest("pk"))
    columns = [str(field.column) for field in ModelVersion._meta.concrete_fields if field.column != "id"]
    values = {"version": "'candle-' || run.run_id", "run_id": "run.id", "series_id": "run.series_id"}
    copied = ", ".join(values.get(column, f"model.{column}") for column in columns)
    _recommend(person)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO training_modelversion ({', '.join(columns)}) SELECT {copied} FROM training_trainingrun run "
            f"JOIN training_modelversion model ON model.id = %s WHERE run.kind = 'candle' AND run.id <> %s",
            [example.pk, example.run_id],
        )
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")  # as autovacuum would


def _recommend(person: Any) -> None:
    """An active model of a universe of all instruments, and what it said of each on DAYS days, all of it scored."""
    from instruments.models import Instrument, Series, Universe  # noqa: PLC0415 - after django.setup
    from predictions.models import Label, Recommendation, RecommendationSet  # noqa: PLC0415
    from tests.training.registry.test_activation import universe_model  # noqa: PLC0415
    from training.models import ModelVersion  # noqa: PLC0415

    newest = datetime(2020, 1, 31, tzinfo=UTC)
    missing = Instrument.objects.filter(series=None)
    covered = {"timeframe": "1d", "rows": 250, "first": newest - timedelta(days=365), "last": newest}
    Series.objects.bulk_create(Series(instrument=instrument, **covered) for instrument in missing)
    Universe.objects.create(name="bench").instruments.set(Instrument.objects.all())
    model = universe_model(person)
    ModelVersion.objects.filter(pk=model.pk).update(universe="bench", is_active=True)
    series = list(Series.objects.values_list("pk", flat=True))
    labels = [(label, number) for label in Label.values for number in range(len(series) // 3 + 1)]
    for day in range(DAYS):
        at = newest - timedelta(days=2 * day)
        day_set = RecommendationSet.objects.create(
            version=model.version, universe="bench", horizon=20, buy_threshold=0.05, sell_threshold=-0.02,
            promise={"precision": 0.4, "interval": [0.3, 0.5]}, as_of=date(at.year, at.month, at.day), made_at=at,
            in_sample=False, is_open=False, score={"scored": len(series), "buys": len(series) // 3, "buy_hits": 500},
        )  # fmt: skip
        outcome = {"realised_return": 0.02, "target_at": at + timedelta(days=28), "scored_at": at + timedelta(days=29)}
        Recommendation.objects.bulk_create(
            Recommendation(
                set=day_set, series_id=pk, bar_at=at, label=label, p_buy=0.4, p_hold=0.3, p_sell=0.3, rank=number + 1,
                expected_return=0.01, features=bytes(100), hit=number % 2 == 0, **outcome,
            )
            for pk, (label, number) in zip(series, labels, strict=False)
        )  # fmt: skip


def _measure() -> dict[str, float]:
    """Medians in seconds, by name."""
    from django.conf import settings  # noqa: PLC0415 - after django.setup

    from training.models import TrainingRun  # noqa: PLC0415

    storages: Any = settings.STORAGES
    storages["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    browser = _browser()
    middle = TrainingRun.objects.order_by("pk")[RUNS // 2]
    seconds: dict[str, list[float]] = {name: [] for name in PAGES}
    for round_number in range(ROUNDS + 1):
        for name, address in PAGES.items():
            began = time.perf_counter()
            answer = browser.get(address.format(run=middle.pk, run_id=middle.run_id))
            taken = time.perf_counter() - began
            assert answer.status_code == 200, (address, answer.status_code)
            if round_number:  # the first one warms up
                seconds[name].append(taken)
    return {name: median(each) for name, each in seconds.items()}


def _export() -> tuple[float, float]:
    """The CSV of all runs, read and thrown away: seconds, and by how many MiB the process grew."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    lines = sum(chunk.count(b"\n") for chunk in _browser().get(CSV).streaming_content)
    assert lines > RUNS, lines
    return time.perf_counter() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _browser() -> Any:
    """Of the one person, logged in."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - after django.setup
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    browser.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    return browser
