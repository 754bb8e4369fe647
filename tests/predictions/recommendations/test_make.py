"""`recommend`: once for each model and day, from bars up to that day alone, refused for days that the model saw."""

import io
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from boursomatic.notices.models import Notice
from instruments.imports.services import bars_write
from instruments.models import Instrument, PriceBar, Series, Universe
from instruments.store.read_bars import load_bars
from predictions.models import Recommendation, RecommendationSet
from predictions.recommendations.make import recommendations_make
from tests.market import change_bars
from tests.predictions.advised import TRAINED, advised, day_of, trained_model
from tests.training.quant.noise import noise_bars
from tests.training.universe import change_after
from training.artifacts.loading import stored_universe_model
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion
from training.quant.universe.exposure import deviations
from training.quant.universe.spec import UniverseSpec
from training.recipes.universe.data import universe_data

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
FIELDS = {"symbol", "label", "p_buy", "p_hold", "p_sell", "expected_return", "rank", "flags"}


def _recommend(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("recommend", "--universe", "few", "--json", *words, stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def _said(day: str) -> list[tuple[Any, ...]]:
    return [tuple(str(row[name]) for name in sorted(FIELDS)) for row in _recommend("--as-of", day)["recommendations"]]


def test_it_says_and_keeps_what_the_active_model_thinks_of_a_day() -> None:
    model, day = advised(), day_of(410)
    said = _recommend("--as-of", day.isoformat())
    assert (said["version"], said["as_of"], said["model_hash"]) == (model.version, day.isoformat(), model.model_hash)
    rows = said["recommendations"]
    assert len(rows) == 6 and all(set(row) >= FIELDS for row in rows)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows == sorted(rows, key=lambda row: -row["expected_return"])
    for row in rows:
        shares = {label: row[f"p_{label.lower()}"] for label in ("BUY", "HOLD", "SELL")}
        assert sum(shares.values()) == pytest.approx(1) and row["label"] == max(shares, key=lambda name: shares[name])
    kept = RecommendationSet.objects.get()
    assert (kept.version, kept.as_of, kept.in_sample, kept.horizon) == (model.version, day, False, 5)
    assert _recommend("--as-of", day.isoformat()) == said and Recommendation.objects.count() == 6


def test_new_recommendations_of_an_active_model_are_noticed_once() -> None:
    model = advised()
    for _ in range(2):
        recommendations_make(model=model, as_of=day_of(410))
    recommendations_make(model=model, as_of=day_of(408), replay=True)
    recommendations_make(model=model, as_of=day_of(380), in_sample=True)
    ModelVersion.objects.update(is_active=False)
    model.refresh_from_db()
    recommendations_make(model=model, as_of=day_of(411))
    notice = Notice.objects.get(kind="recommendations")
    assert (notice.subject, notice.day, notice.to) == (model.version, day_of(410), None)
    labels = list(RecommendationSet.objects.get(as_of=day_of(410)).rows.values_list("label", flat=True))
    assert notice.text.startswith(f"few, 5 trading days ahead: {labels.count('BUY')} BUY, ")


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_it_is_what_the_model_says_of_the_rows_that_training_would_see(recipe: str) -> None:
    model, day = advised(recipe=recipe), day_of(410)
    panel = universe_data(UniverseSpec(universe="few", horizon=5, as_of=day.isoformat())).panel
    rows = np.flatnonzero(panel.day == len(panel.days) - 1)
    sigma = deviations(panel.close, panel.traded)[-1]
    own = stored_universe_model(model.version).predict(panel.features[rows], sigma=sigma, order=np.arange(len(rows)))
    made, _ = recommendations_make(model=model, as_of=day)
    kept = {row.series.instrument.symbol: row for row in made.rows.select_related("series__instrument")}
    for row, p, wanted in zip(rows.tolist(), own.probabilities.tolist(), own.expected.tolist(), strict=True):
        one = kept[panel.symbols[panel.instrument[row]]]
        assert ([one.p_sell, one.p_hold, one.p_buy], one.expected_return) == (p, wanted)
        assert bytes(one.features) == panel.features[row].astype("<f4").tobytes()


def test_it_looks_at_no_bar_after_its_day() -> None:
    advised()
    day = day_of(410).isoformat()
    before = _said(day)
    Recommendation.objects.all().delete()
    RecommendationSet.objects.all().delete()
    series = list(Series.objects.order_by("pk"))
    for one in series[:3]:
        change_after(one, load_bars(one), 410)
    change_bars(PriceBar.objects.filter(series=series[3], timestamp__date__gt=day_of(412)))
    assert _said(day) == before
    Recommendation.objects.all().delete()
    RecommendationSet.objects.all().delete()
    change_after(series[0], load_bars(series[0]), 409)
    assert _said(day) != before


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_a_split_is_no_move_of_the_price(recipe: str) -> None:
    advised(recipe=recipe)
    day = day_of(410).isoformat()
    before = _said(day)
    Recommendation.objects.all().delete()
    RecommendationSet.objects.all().delete()
    earlier = PriceBar.objects.filter(series__instrument__symbol="AAA", timestamp__date__lt=day_of(405))
    change_bars(earlier, **{name: F(name) * 2 for name in ("open", "high", "low", "close")})  # adj_close has halved it
    assert _said(day) == before


def test_it_refuses_what_the_model_has_seen_unless_asked_in_sample() -> None:
    """Outcomes up to a close are known at that close: on its last bar the model speaks of what comes after."""
    advised()
    seen, last = day_of(TRAINED - 2).isoformat(), day_of(TRAINED - 1).isoformat()
    with pytest.raises(
        CommandError, match=f"was trained on outcomes up to {last}.*Choose {last} or later.*--in-sample"
    ):
        _recommend("--as-of", seen)
    assert not RecommendationSet.objects.exists()
    said = _recommend("--as-of", seen, "--in-sample")
    assert said["in_sample"] and all("in_sample" in row["flags"] for row in said["recommendations"])
    assert not RecommendationSet.objects.counting().exists()
    assert not _recommend("--as-of", last)["in_sample"]
    after = _recommend("--as-of", day_of(TRAINED).isoformat(), "--in-sample")
    assert not after["in_sample"] and RecommendationSet.objects.counting().count() == 2


def test_it_says_why_it_says_nothing_of_an_instrument() -> None:
    model, days = advised(), [day_of(position) for position in range(420)]
    for symbol, last in (("AAA", 404), ("BBB", 405)):
        change_bars(PriceBar.objects.filter(series__instrument__symbol=symbol, timestamp__date__gt=days[last]))
    young = Series.objects.create(instrument=Instrument.objects.create(symbol="YYY"), timeframe="1d")
    bars_write(series=young, bars=noise_bars(420, seed=9).slice(390, 420), source="made up")
    Universe.objects.get(name="few").instruments.add(young.instrument)
    made, _ = recommendations_make(model=model, as_of=days[410])
    rows = {row.series.instrument.symbol: row for row in made.rows.select_related("series__instrument")}
    assert (rows["AAA"].label, rows["AAA"].flags, rows["AAA"].rank) == ("", ["stale"], None)
    assert rows["BBB"].label and "stale" not in rows["BBB"].flags
    assert (rows["YYY"].label, rows["YYY"].flags) == ("", ["no_features"])
    assert sorted(row.rank for row in rows.values() if row.label) == [1, 2, 3, 4, 5]


def test_it_flags_what_lies_beyond_the_training() -> None:
    model, day = advised(), day_of(TRAINED)
    change_bars(PriceBar.objects.filter(series__instrument__symbol="AAA", timestamp__date=day), volume=1e12)
    made, _ = recommendations_make(model=model, as_of=day)
    columns = list(stored_universe_model(model.version).features.columns.values())
    for row in made.rows.all():
        values = np.frombuffer(bytes(row.features), dtype="<f4")
        beyond = any(value < one.low or value > one.high for value, one in zip(values, columns, strict=True))
        assert ("out_of_range" in row.flags) == beyond
    assert "out_of_range" in made.rows.get(series__instrument__symbol="AAA").flags


def test_it_names_the_members_that_a_universe_has_lost() -> None:
    advised()
    Universe.objects.get(name="few").instruments.remove(Instrument.objects.get(symbol="CCC"))
    said = _recommend("--as-of", day_of(410).isoformat())
    assert said["lost"] == ["CCC"] and len(said["recommendations"]) == 5
    Universe.objects.get(name="few").instruments.clear()
    with pytest.raises(CommandError, match="No active instrument of the universe few"):
        _recommend("--as-of", day_of(411).isoformat())


def test_it_refuses_without_a_model_and_with_stale_bars() -> None:
    model = advised()
    ModelVersion.objects.update(is_active=False)
    with pytest.raises(CommandError, match="No model of the universe few is active"):
        _recommend("--as-of", day_of(410).isoformat())
    late = day_of(419) + timedelta(days=14)
    with pytest.raises(CommandError, match=f"The bars of few end on {day_of(419)}, more than 5 sessions before {late}"):
        _recommend("--model", model.version, "--as-of", late.isoformat())
    with pytest.raises(CommandError, match="has a bar on or before 1990"):
        _recommend("--model", model.version, "--as-of", "1990-01-01")
    assert _recommend("--model", model.version)["as_of"] == day_of(419).isoformat()
    with pytest.raises(CommandError, match="There is no model x"):
        _recommend("--model", "x")


def test_it_asks_which_of_several_active_models_is_meant() -> None:
    advised()
    trained_model(horizon=6)
    with pytest.raises(CommandError, match="Several models of few are active; name one of them"):
        _recommend("--as-of", day_of(410).isoformat())


def test_it_refuses_a_model_whose_file_was_changed_although_it_is_in_memory() -> None:
    model = advised()
    stored_universe_model(model.version)
    path = Path(artifact_storage().path(f"{model.folder}/classifier.txt"))
    path.write_text(path.read_text().replace("0.05", "0.06"))
    with pytest.raises(CommandError, match=r"integrity: classifier.txt has changed"):
        _recommend("--as-of", day_of(410).isoformat())
    assert not RecommendationSet.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_make_one_set() -> None:
    model, day = advised(), day_of(410)
    start, made = threading.Barrier(2), []

    def ask() -> None:
        start.wait()
        made.append(recommendations_make(model=model, as_of=day))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new for _, new in made) == [False, True]
    assert made[0][0] == made[1][0] and Recommendation.objects.count() == 6


def test_the_database_refuses_a_second_one_and_half_a_word() -> None:
    model = advised()
    made, _ = recommendations_make(model=model, as_of=day_of(410))
    for broken in ({"label": ""}, {"hit": True}, {"rank": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Recommendation.objects.filter(set=made).update(**broken)
    made.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        made.save(force_insert=True)
