"""Trials, confirmations as jobs of their own, and verdicts read from both."""

import io
import json
import os

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from instruments.models import PriceBar
from tests.market import candle, make_series
from tests.training.carrying import carried
from training.models import Status, TrainingRun, Trial
from training.quant.candle.spec import parse_time
from training.queue import leases
from training.recipes.kinds import listed_kinds
from training.runs.as_json import run_json
from training.runs.services import follow_up_create, run_delete
from training.worker.execute import execute

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY = {"candle_date": candle(560), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20}


def carry_job(job: TrainingRun) -> TrainingRun:
    token = leases.claim(job.pk, host="test", pid=os.getpid())
    assert token is not None
    execute(run_pk=job.pk, token=token)
    job.refresh_from_db()
    return job


def confirmation_of(run: TrainingRun) -> TrainingRun:
    return run.jobs.get(kind="confirmation")


def test_it_queues_one_confirmation_with_the_result_and_leaves_the_runs_row_alone() -> None:
    make_series()
    run = carried(BODY)
    before = TrainingRun.objects.filter(pk=run.pk).values().get()
    job = confirmation_of(run)
    assert run_json(run)["verdict"]["confirmed"] is False
    carry_job(job)
    assert TrainingRun.objects.filter(pk=run.pk).values().get() == before
    for one in (run, confirmation_of(run)):  # what lists seek by
        assert (one.auc, one.p_value) == (one.result["evidence"]["auc"], one.result["evidence"]["p_value"])
    assert (run.protocol, run.feature_set, run.universe) == ("honest", "scale_free", None)
    answer = run_json(run)
    assert answer["verdict"]["confirmed"] is True
    assert answer["verdict"]["windows"] == len(answer["confirmation"]["windows"]) == 11
    assert answer["verdict"]["rows"] == 220
    assert answer["verdict"]["adjusted_p_value"] == pytest.approx(min(1.0, 2 * answer["verdict"]["p_value"]))
    json.dumps(answer, allow_nan=False)


def test_it_names_a_model_that_says_up_at_every_candle() -> None:
    """Nineteen days of twenty rise: the best threshold calls all of them."""
    series = make_series()
    prices = list(PriceBar.objects.filter(series=series).order_by("timestamp"))
    rises = np.where(np.random.default_rng(5).random(len(prices)) < 0.95, 1.004, 0.99)
    for price, close in zip(prices, 100 * np.cumprod(rises), strict=True):
        price.open, price.close, price.adj_close = close, close, close
        price.high, price.low = close * 1.01, close * 0.99
    PriceBar.objects.bulk_update(prices, ["open", "high", "low", "close", "adj_close"])
    run = carried(BODY)
    assert "it said up at all 20 candles: following it is buy and hold" in run_json(run)["verdict"]["sentence"]
    carry_job(confirmation_of(run))
    verdict = run_json(run)["verdict"]
    assert "it said up at all 220 candles: following it is buy and hold" in verdict["sentence"]
    assert verdict["label"] != "evidence"


def test_it_gives_one_confirmation_however_often_it_is_asked_for(alice: User) -> None:
    make_series()
    run = carried(BODY)
    assert follow_up_create(verb="confirm", run=run, user=alice) == confirmation_of(run)
    carry_job(confirmation_of(run))
    assert follow_up_create(verb="confirm", run=run, user=alice) == confirmation_of(run)


def test_it_leaves_the_confirmation_out_when_asked_to() -> None:
    make_series()
    run = carried({**BODY, "confirm": False})
    assert not run.jobs.exists()
    assert run_json(run)["confirmation"] is None


def test_it_counts_distinct_configurations_and_candles_and_forgets_none() -> None:
    make_series()
    first = carried(BODY)
    carried(BODY)
    carried({**BODY, "candle_date": candle(559)})
    carried({**BODY, "params": {"num_leaves": 15}})
    assert Trial.objects.count() == 3
    assert run_json(first)["verdict"]["tries"] == 1  # fixed: later trials don't count against it
    run_delete(run=first, user=None)
    assert Trial.objects.count() == 3


def test_it_says_bit_identical_and_names_changed_data(alice: User) -> None:
    series = make_series()
    run = carried(BODY)
    job = carry_job(follow_up_create(verb="verify", run=run, user=alice))
    assert job.result["identical"] and job.result["truncation_identical"] and job.result["differs"] == []
    PriceBar.objects.filter(series=series, timestamp=parse_time(candle(500))).update(volume=1.0)
    changed = carry_job(follow_up_create(verb="verify", run=run, user=alice))
    assert not changed.result["identical"]
    assert changed.result["differs"] == ["data"]
    assert "the data changed" in changed.result["sentence"]


def test_it_says_libraries_changed_only_of_those_that_a_model_is_made_with(alice: User) -> None:
    """Runs of before 0.2.0 name pandas."""
    make_series()
    run = carried(BODY)
    now = run.detail["made_with"]["library_versions"]
    assert "pandas" not in now and {"python", "lightgbm", "numpy"} < set(now)
    for then, differs in (({**now, "pandas": "2.2.0"}, []), ({**now, "numpy": "1.0"}, ["library_versions"])):
        made_with = {**run.detail["made_with"], "library_versions": then}
        TrainingRun.objects.filter(pk=run.pk).update(detail={**run.detail, "made_with": made_with})
        job = carry_job(follow_up_create(verb="verify", run=run, user=alice))
        assert job.result["identical"] and job.result["differs"] == differs


def test_it_verifies_from_the_command_line() -> None:
    make_series()
    run = carried(BODY)
    out = io.StringIO()
    call_command("verify_run", run.run_id, "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["identical"] is True
    assert answer["run_id"] == run.run_id


def test_it_sets_a_run_among_rotated_labels(alice: User) -> None:
    make_series()
    job = carry_job(follow_up_create(verb="control", run=carried(BODY), user=alice))
    assert len(job.result["rotated"]) == 30
    assert "rotated" in job.result["sentence"]


def test_it_keeps_jobs_out_of_the_lists_of_runs() -> None:
    make_series()
    carried(BODY)
    assert TrainingRun.objects.count() == 2
    assert TrainingRun.objects.existing().of_kinds(listed_kinds()).count() == 1


def test_it_cancels_the_jobs_of_a_run_that_is_deleted() -> None:
    make_series()
    run = carried(BODY)
    run_delete(run=run, user=None)
    assert confirmation_of(run).status == Status.CANCELLED
