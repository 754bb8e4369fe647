"""Predictions of an open future: kept once, scored once, never rewritten."""

import hashlib

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from instruments.models import PriceBar
from instruments.quant.features.candle import feature_matrix
from instruments.store.read_bars import load_bars
from predictions.candle.services import predictions_score
from predictions.models import Prediction
from tests.people import ApiOf, BrowserOf
from tests.predictions.trained import add_bar, trained

pytestmark = pytest.mark.db_both


def test_it_keeps_what_it_serves_of_an_open_future_once(bob: User, api: ApiOf) -> None:
    run = trained()
    address = f"/api/poc-predictions/{run.run_id}"
    last = api(bob).post(address).json()["predictions"][-1]
    for _ in range(2):
        api(bob).post(address)
        api(bob).get(f"{address}/columns")
    kept = Prediction.objects.get()
    assert (kept.run_id, kept.probability) == (run.run_id, last["probability"])
    assert kept.model_hash == run.result["model_hash"]
    assert kept.outcome is None
    assert run.series is not None
    bars = load_bars(run.series).adjusted()
    row = feature_matrix(bars, name="scale_free", timeframe="1d")[-1]
    assert kept.features_hash == hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()


def test_it_keeps_nothing_of_a_past_range(bob: User, api: ApiOf) -> None:
    run = trained()
    api(bob).post(f"/api/poc-predictions/{run.run_id}?end_date=2019-06-03")
    assert not Prediction.objects.exists()


def test_it_scores_when_the_outcome_comes_and_rewrites_nothing(bob: User, api: ApiOf) -> None:
    run = trained()
    series = run.series
    assert series is not None
    address = f"/api/poc-predictions/{run.run_id}"
    api(bob).post(address)
    first = Prediction.objects.get()
    assert predictions_score(series=series) == 0
    last = PriceBar.objects.filter(series=series).order_by("timestamp").last()
    assert last is not None
    at = add_bar(series, last.close * 1.02)
    api(bob).post(address)
    scored, pending = Prediction.objects.order_by("candle_at")
    assert (scored.outcome, scored.target_at) == (1, at)
    assert (scored.probability, scored.made_at) == (first.probability, first.made_at)
    assert pending.outcome is None and pending.candle_at == at

    PriceBar.objects.filter(series=series, timestamp=at).update(close=1, open=1, low=1, high=1, adj_close=1)
    assert predictions_score(series=series) == 0
    api(bob).post(address)
    scored.refresh_from_db()
    again = Prediction.objects.get(pk=pending.pk)
    assert (scored.outcome, again.probability) == (1, pending.probability)


def test_the_database_refuses_a_second_one_and_half_a_score(bob: User, api: ApiOf) -> None:
    run = trained()
    api(bob).post(f"/api/poc-predictions/{run.run_id}")
    kept = Prediction.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Prediction.objects.filter(pk=kept.pk).update(outcome=1)
    kept.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        kept.save(force_insert=True)


def test_it_shows_the_live_record_beside_the_test_window(bob: User, api: ApiOf, browser_of: BrowserOf) -> None:
    run = trained()
    page = f"/predictions/records/{run.run_id}"
    assert "no prediction with an open outcome" in browser_of(bob).get(page).content.decode()
    api(bob).post(f"/api/poc-predictions/{run.run_id}")
    text = browser_of(bob).get(page).content.decode()
    assert "1 prediction stored" in text and "0 scored" in text and "not yet known" in text
    assert run.series is not None
    add_bar(run.series, 1)
    text = browser_of(bob).get(page).content.decode()
    assert "1 scored" in text and "did not" in text and "Test window" in text
    assert page in browser_of(bob).get(f"/runs/{run.run_id}/").content.decode()
