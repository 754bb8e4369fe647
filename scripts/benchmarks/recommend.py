"""Recommendations: a day of 500 instruments, scoring 100,000, pages over 100,000; each beside its yardstick.

recommend  one day, from the database to the stored set, by a model of each recipe; beside the bare computation of all
           features from bars that lie in memory plus the model's prediction of the same rows
score      outcomes of 100,000 recommendations, from bars to the database
page       the list, the scorecard, the home page and the API, over one day stored and over 100,000 recommendations

On a throw-away PostgreSQL, or with --sqlite on a file. Medians of warm, interleaved rounds.
"""

import argparse
import json
import os
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.measured import timed
from scripts.benchmarks.universe_files import BARS, fill_site

LEARNT = 40  # instruments that the model is trained on; the others join the universe afterwards
TRAINED = 700  # bars that it has seen
ROUNDS = 7
DUE = 25  # days before the last bar: what was recommended then has come to its end


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench recommend", description=__doc__)
    parser.add_argument("--instruments", type=int, default=500, help="how many are generated (default: 500)")
    parser.add_argument(
        "--rows", type=int, default=100_000, help="recommendations to score (default: 100,000; 0: only a day's)"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"days recommended, each once (default: {ROUNDS})")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument("--output", type=Path, default=Path("var/bench/recommend.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "boursomatic.settings",
            "BOURSOMATIC_HOME": stack.enter_context(tempfile.TemporaryDirectory()),
            "BOURSOMATIC_DEMO": "0",
            "DATABASE_URL": "" if options.sqlite else _postgres(stack),
        }
        Path(os.environ["BOURSOMATIC_HOME"], "static").mkdir()  # WhiteNoise looks for it
        import django  # noqa: PLC0415 - settings are read from the environment just set

        django.setup()
        models, days = _fill(options.instruments)
        result: dict[str, Any] = {"instruments": options.instruments}
        for recipe, model in models.items():
            result |= _recommend(recipe, model, days, options.rounds)
        if options.rows:
            result |= _later(models["phase22"], days, options.rows)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1))
    return 0


def _later(model: Any, days: list[date], rows: int) -> dict[str, Any]:
    """Scores and pages, with one day stored and with many."""
    before = _pages()
    stored = _store(model, days, rows)
    scored = _score(stored)
    after = _pages()
    for name in before:
        _row(f"page {name}, one day stored", before[name])
        _row(f"page {name}, {stored:,} stored", after[name], f"{after[name] / before[name]:.2f} x")
    return {**scored, "rows": stored, "pages": {name: [before[name], after[name]] for name in before}}


def _postgres(stack: ExitStack) -> str:
    from tests.postgres import server  # noqa: PLC0415 - needs PostgreSQL's binaries, which --help does not

    url: str = stack.enter_context(server()).url()
    return url


def _fill(instruments: int) -> tuple[dict[str, Any], list[date]]:
    """Bars in the database and in the cache, models of some of them by recipe, one of them active, and the days that
    they have not seen."""
    from instruments.models import Instrument, Series, Universe  # noqa: PLC0415 - after django.setup
    from instruments.store.read_bars import load_bars  # noqa: PLC0415
    from predictions.recommendations.make import universe_models  # noqa: PLC0415
    from training.quant.universe.spec import RECIPES, UniverseSpec  # noqa: PLC0415
    from training.registry.activation import model_activate  # noqa: PLC0415
    from training.worker.foreground import create_claimed, execute_family  # noqa: PLC0415

    fill_site(instruments=instruments)
    days = [datetime.fromtimestamp(int(at), UTC).date() for at in load_bars(Series.objects.order_by("pk")[0]).time]
    universe = Universe.objects.create(name="bench")
    universe.instruments.set(Instrument.objects.order_by("pk")[:LEARNT])
    for recipe in RECIPES:
        spec = UniverseSpec(universe="bench", recipe=recipe, confirm=False, as_of=days[TRAINED - 1].isoformat())
        execute_family(create_claimed(spec), None)
    universe.instruments.set(Instrument.objects.all())
    models = {model.run.config["recipe"]: model for model in universe_models()}
    model_activate(model=models["phase22"], user=None, reason="bench", override=True)
    print(f"{instruments} instruments of {BARS} bars")
    return models, days[TRAINED:]


def _recommend(recipe: str, model: Any, days: list[date], rounds: int) -> dict[str, float]:
    import numpy as np  # noqa: PLC0415 - with the rest

    from instruments.quant.features.daily import daily_features  # noqa: PLC0415 - after django.setup
    from instruments.store.read_bars import load_many  # noqa: PLC0415
    from instruments.universes import universe_series  # noqa: PLC0415
    from predictions.recommendations.make import recommendations_make  # noqa: PLC0415
    from training.artifacts.loading import stored_universe_model  # noqa: PLC0415
    from training.quant.universe.panel import given_features  # noqa: PLC0415

    series, read = universe_series("bench"), stored_universe_model(model.version)
    ours, bare = [], []
    recommendations_make(model=model, as_of=days[-rounds - 1])  # warm
    for day in days[-rounds:]:
        end = datetime.combine(day, datetime.max.time(), tzinfo=UTC)
        bars = [one.adjusted() for one in load_many(series, end=end)]

        def features_and_predict(bars: Any = bars) -> None:
            made = [m for at in range(0, len(bars), 64) for m in daily_features(bars[at : at + 64])]
            last = np.array([m[-1] for m in made], dtype=np.float32)
            rows = given_features(last, np.zeros(len(made), dtype=np.int64))
            read.predict(rows, sigma=np.ones(len(rows)), order=np.arange(len(rows)))

        bare.append(timed(features_and_predict))
        ours.append(timed(partial(recommendations_make, model=model, as_of=day)))
    found = {f"recommend_{recipe}": median(ours), f"recommend_{recipe}_bare": median(bare)}
    _row(f"recommend, a day, {recipe}", median(ours), f"{median(ours) / median(bare):.2f} x the bare work (aim: 2 s)")
    _row("recommend, bare features and predict", median(bare))
    return found


def _store(model: Any, days: list[date], rows: int) -> int:
    """So many recommendations more, of further days as the first one's, whose end has come; none of them scored."""
    from django.db import connection  # noqa: PLC0415 - after django.setup

    from predictions.models import Recommendation, RecommendationSet  # noqa: PLC0415

    pattern = RecommendationSet.objects.order_by("as_of").first()
    assert pattern is not None
    columns = ("label", "p_buy", "p_hold", "p_sell", "expected_return", "rank", "flags", "features")
    copied, table = ", ".join(columns), Recommendation._meta.db_table
    known, source = set(RecommendationSet.objects.values_list("as_of", flat=True)), pattern.pk
    adapt = connection.ops.adapt_datetimefield_value
    free = [day for day in days[:-DUE] if day not in known]
    wanted = Recommendation.objects.count() + rows
    while free and Recommendation.objects.count() < wanted:
        day = free.pop()
        pattern.pk, pattern.as_of = None, day
        pattern.save(force_insert=True)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (set_id, series_id, bar_at, {copied}) "
                f"SELECT %s, series_id, %s, {copied} FROM {table} WHERE set_id = %s",
                [pattern.pk, adapt(datetime.combine(day, datetime.min.time(), tzinfo=UTC)), source],
            )
    return Recommendation.objects.count()


def _score(stored: int) -> dict[str, float]:
    from predictions.recommendations.score import recommendations_score  # noqa: PLC0415 - after django.setup

    start = time.perf_counter()
    scored = recommendations_score()
    took = time.perf_counter() - start
    _row(f"score {scored:,} of {stored:,}", took)
    return {"score": took, "scored": scored}


def _pages() -> dict[str, float]:
    """Through Django with all that stands before a view: middleware, session, permission."""
    from django.conf import settings  # noqa: PLC0415 - after django.setup
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    storages: Any = settings.STORAGES
    storages["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    user, _ = User.objects.get_or_create(username="bench", is_superuser=True)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    addresses = {
        "list": "/recommendations/",
        "scorecard": "/recommendations/scorecard/",
        "home": "/",
        "api": "/api/recommendations",
    }

    def ask(address: str) -> None:
        assert client.get(address).status_code == 200

    for address in addresses.values():
        ask(address)
    times: dict[str, list[float]] = {name: [] for name in addresses}
    for _ in range(ROUNDS):
        for name, address in addresses.items():
            times[name].append(timed(partial(ask, address)))
    return {name: median(found) for name, found in times.items()}


def _row(name: str, seconds: float, ratio: str = "") -> None:
    print(f"{name:<42}{seconds:>9.3f} s   {ratio}", flush=True)
