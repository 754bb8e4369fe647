"""Several test windows of a run, by one model or by one each; pooled one score a bar; how long an edge lasts."""

import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried, carry
from tests.training.quant.candle.test_confirm import confirmed
from tests.training.quant.candle.test_train import DECISION, spec_at, train
from tests.training.quant.noise import noise_bars
from training.models import Trial
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import SpecError, parse_time
from training.quant.candle.windows import JudgedWindow, WindowReport, judge_windows
from training.quant.labels import up_label
from training.quant.stats.classification import auc_with_interval, percentile_rank
from training.recipes.ensemble.members import parse_ensemble
from training.runs.services import follow_up_create, run_create

BODY: dict[str, Any] = {"candle_date": candle(450), "symbol": "SPY", "train_years": 1.25, "test_window_size": 20,
                        "confirm": False}  # fmt: skip


def judged(bars: Bars, **more: object) -> WindowReport:
    return judge_windows(bars, train(bars, **more), spec_at(bars, **more), decision=DECISION)


def test_one_model_judges_all_windows_and_the_pool_is_of_percentile_ranks() -> None:
    bars = noise_bars(DECISION + 4 + 3 * 20 + 1, planted=0.5)
    outcome = train(bars, windows=3, test_window_size=20, gap=4)
    report = judged(bars, windows=3, test_window_size=20, gap=4)
    assert [each.first for each in report.windows] == [int(bars.time[904 + 20 * k]) for k in range(3)]
    features = feature_matrix(bars, name="scale_free", timeframe="1d")
    split = outcome.plan.split
    trained = outcome.final.probability(features[split.train.start : split.train.stop])
    ranks = percentile_rank(outcome.final.probability(features[904:964]), trained)
    expected = auc_with_interval(up_label(bars.close)[904:964], ranks)
    assert report.windows[-1].pooled == expected
    assert report.evidence is not None and report.evidence.auc == expected[0]
    assert (report.evidence.rows, report.evidence.windows) == (60, 3)
    assert np.array_equal(report.windows[0].window.probability, outcome.test_probability)
    assert outcome.test is not None and outcome.test.rows == 20  # figures stay the first window's


def test_with_retrain_each_window_has_the_model_of_its_own_decision() -> None:
    bars = noise_bars(DECISION + 2 + 3 * 20 + 1)
    more = {"test_window_size": 20, "gap": 2}
    report = judged(bars, windows=3, after="retrain", **more)
    for k, each in enumerate(report.windows):
        assert each.window.decision == bars.time[DECISION + 20 * k]
        own = train(bars.slice(0, DECISION + 20 * (k + 1) + 3), DECISION + 20 * k, **more)
        assert np.array_equal(each.window.probability, own.test_probability)


def test_what_comes_after_a_window_changes_nothing_of_it() -> None:
    bars, other = noise_bars(DECISION + 61, seed=1), noise_bars(DECISION + 61, seed=2)
    cut = DECISION + 21
    changed = Bars(*(np.concatenate([getattr(bars, c)[:cut], getattr(other, c)[cut:]]) for c in vars(bars)))
    for after in ("same", "retrain"):
        one, two = (judged(b, windows=3, after=after, test_window_size=20) for b in (bars, changed))
        assert one.windows[0].pooled == two.windows[0].pooled
        assert one.windows[1].window.probability[0] == two.windows[1].window.probability[0]


def test_confirmation_pools_its_ten_windows_and_all_of_the_run() -> None:
    for after in ("same", "retrain"):
        bars = noise_bars(1100 + 3 * 35 + 1)
        found = confirmed(bars, windows=3, after=after)
        assert found.pooled is not None and (found.pooled.rows, found.pooled.windows) == (13 * 35, 13)
        labels = np.concatenate([window.labels for window in found.windows])
        assert np.array_equal(labels, up_label(bars.close)[750:1205])
        assert [window.decision for window in found.windows[10:]] == [
            int(bars.time[1100 + (35 * k if after == "retrain" else 0)]) for k in range(3)
        ]


def test_a_window_that_a_search_saw_is_in_no_pooled_figure() -> None:
    bars, more = noise_bars(DECISION + 61, planted=1.5), {"windows": 3, "test_window_size": 20}
    for after, seen in (("same", [True] * 3), ("retrain", [True, False, False])):
        spec, outcome = spec_at(bars, after=after, **more), train(bars, after=after, **more)
        until = int(bars.time[DECISION + 20])
        report = judge_windows(bars, outcome, spec, decision=DECISION, seen_until=until)
        assert [each.window.seen for each in report.windows] == seen
        assert [each.pooled is None for each in report.windows] == seen
        assert (report.evidence.rows if report.evidence else 0) == 20 * seen.count(False)
        assert report.shelf_life == 0 if after == "same" else report.shelf_life in (0, 2, 3)
    single = {"test_window_size": 20}
    alone = judge_windows(bars, train(bars, **single), spec_at(bars, **single), decision=DECISION, seen_until=until)
    assert alone.evidence is None and alone.shelf_life == 0


@pytest.mark.parametrize(
    ("lows", "shelf_life"),
    [([0.52, 0.51, 0.49, 0.53], 2), ([0.5, 0.6], 0), ([0.51, 0.6], 2), ([None, 0.6], 0), ([], None)],
)
def test_its_shelf_life_is_the_last_window_before_the_interval_reaches_down(
    lows: list[float | None], shelf_life: int | None
) -> None:
    window = judged(noise_bars(DECISION + 21), test_window_size=20).windows[0].window
    windows = [JudgedWindow(window, 0, 0, None if low is None else (0.7, (low, 0.9))) for low in lows]
    assert WindowReport(windows, None).shelf_life == shelf_life


def test_a_planted_signal_lasts_and_noise_does_not() -> None:
    planted = judged(noise_bars(DECISION + 401, planted=1.5), windows=4, test_window_size=100)
    assert planted.shelf_life == 4
    noise = [judged(noise_bars(DECISION + 401, seed=s), windows=4, test_window_size=100).shelf_life for s in range(8)]
    assert noise.count(0) >= 6


@pytest.mark.django_db
@pytest.mark.db_both
def test_a_run_answers_and_shows_them(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    make_series()
    run = carried({**BODY, "windows": 3, "after": "retrain", "gap": 2, "confirm": True}, user=alice)
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert [window["first"] for window in answer["window_results"]] == [candle(452 + 20 * k) for k in range(3)]
    assert {window["rows"] for window in answer["window_results"]} == {20}
    assert answer["shelf_life"] == "none shown" or 1 <= answer["shelf_life"] <= 3
    assert (answer["verdict"]["rows"], answer["verdict"]["windows"]) == (60, 3)
    assert answer["test_metrics"]["rows"] == answer["splits"]["test"]["rows"] == 20
    trial = Trial.objects.get(pk=run.trial_id)
    assert trial.p_value is None  # until its confirmation
    job = carry(run.jobs.get(kind="confirmation"))
    assert job.result["evidence"]["rows"] == 20 * len(job.result["windows"]) and len(job.result["windows"]) > 6
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "Shelf life:" in page and "trained again before each" in page and page.count('class="is-own"') == 3

    plain = carried(BODY, user=alice)
    answer = api(alice).get(f"/api/training/poc-runs/{plain.run_id}").json()
    (window,) = answer["window_results"]
    assert (window["auc"], window["auc_interval"]) == tuple(
        answer["test_metrics"][name] for name in ("auc", "auc_interval")
    )
    assert "Shelf life:" not in browser_of(alice).get(f"/runs/{plain.run_id}/").text
    live = carried({**BODY, "candle_date": candle(590), "windows": 2, "live": True}, user=alice)
    answer = api(alice).get(f"/api/training/poc-runs/{live.run_id}").json()
    assert (answer["window_results"], answer["shelf_life"]) == ([], None)


@pytest.mark.django_db
def test_preview_form_and_command_take_them(
    alice: User, browser_of: BrowserOf, capsys: pytest.CaptureFixture[str]
) -> None:
    make_series(bars=600)
    browser = browser_of(alice)
    asked = {"symbol": "SPY", "candle": candle(400), "train_years": "1", "windows": "4"}
    preview = browser.get("/training/preview", asked).json()
    assert [window["rows"] for window in preview["later_windows"]] == [35] * 3
    assert "With 140 candles, an AUC below" in preview["before_start"][1]
    late = browser.get("/training/preview", {**asked, "candle": candle(560)}).json()["problem"]
    assert "there are 39, the test windows need 140" in late and candle(459) in late
    form = browser.get("/training/new/", {**asked, "after": "retrain"}).text
    assert 'name="windows" value="4"' in form and '<option value="retrain" selected>' in form
    call_command("train_poc", "--selected-candle-date", candle(400), "--symbol", "SPY", "--windows", "2", "--after",
                 "retrain", "--no-confirm", "--json")  # fmt: skip
    assert len(json.loads(capsys.readouterr().out)["window_results"]) == 2


@pytest.mark.django_db
@pytest.mark.db_both
def test_what_a_search_saw_counts_for_all_windows_of_a_run(alice: User, browser_of: BrowserOf) -> None:
    make_series()
    run = carried({**BODY, "windows": 3, "seen_until": candle(460), "confirm": True}, user=alice)
    assert run.result["evidence"] is None and run.result["shelf_life"] == "none shown" and not run.jobs.exists()
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "has seen these windows" in page and "at least 60 outcomes after that day" in page
    job = carry(follow_up_create(verb="confirm", run=run, user=alice))
    unseen = [window for window in job.result["windows"] if not window["seen"]]
    assert [window["decision"] for window in unseen] == [candle(460), candle(480), candle(500), *[candle(520)] * 3]
    assert job.result["evidence"]["rows"] == 120
    assert "own window, and the grey ones" in browser_of(alice).get(f"/runs/{run.run_id}/").text


@pytest.mark.django_db
@pytest.mark.db_both
def test_an_ensemble_has_one_window_and_has_seen_all_of_its_members(alice: User) -> None:
    make_series()
    runs = [carried({**BODY, "windows": windows}, user=alice) for windows in (1, 4)]
    spec = parse_ensemble({"run_ids": [run.run_id for run in runs]})
    assert spec.seen_until == candle(530) and spec.newest.rows_after == 20
    run = carry(run_create(spec=spec, user=alice))
    assert run.result["splits"]["test"]["rows"] == 20 and run.seen_until == parse_time(candle(530))


def test_only_other_windows_are_another_configuration() -> None:
    spec = parse_candle_spec({**BODY, "windows": 1, "after": "same"})
    hashes = {parse_candle_spec({**BODY, "windows": 2, "after": after}).params_hash() for after in ("same", "retrain")}
    assert spec.params_hash() == parse_candle_spec(BODY).params_hash() and len(hashes | {spec.params_hash()}) == 3


@pytest.mark.parametrize(("change", "field"), [
    ({"windows": 0}, "windows"), ({"windows": 11}, "windows"), ({"windows": "2"}, "windows"),
    ({"after": "never", "windows": 2}, "after"), ({"after": "retrain"}, "after"),
])  # fmt: skip
def test_it_refuses_what_can_not_be(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_candle_spec({**BODY, **change})
    assert set(refused.value.errors) == {field}
