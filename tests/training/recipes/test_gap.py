"""A gap between the last training outcome and the first decision of validation and of test."""

import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried
from tests.training.quant.candle.test_confirm import confirmed
from tests.training.quant.candle.test_train import spec_at, train
from tests.training.quant.noise import noise_bars
from training.quant.candle.plan import plan_candle
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import SpecError
from training.recipes.candle.live_score import live_score
from training.recipes.verification.execute import verification

BODY: dict[str, Any] = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "test_window_size": 30,
                        "confirm": False}  # fmt: skip


@pytest.mark.parametrize("protocol", ["honest", "poc", "steady"])
def test_it_lies_before_validation_and_before_test(protocol: str) -> None:
    plan = plan_candle(noise_bars(1000), decision=900, spec=spec_at(noise_bars(1000), 900, protocol=protocol, gap=7))
    split = plan.split
    assert split.test == range(907, 942) and plan.span == range(907, 942)
    assert [gap.rows for gap in plan.gaps] == [7] * (1 if protocol == "steady" else 2)
    if protocol != "steady":
        assert split.validation.start - split.fit.stop == 7
    if protocol != "poc":
        assert split.train.stop == 900  # the final model is fitted up to the decision


def test_it_changes_no_model_that_stops_nothing_early() -> None:
    bars = noise_bars(1000)
    plain, with_gap = train(bars, protocol="steady"), train(bars, protocol="steady", gap=10)
    assert plain.final.text() == with_gap.final.text()
    assert np.array_equal(plain.test_probability[10:], with_gap.test_probability[:25])


def test_confirmation_windows_keep_it_and_tile() -> None:
    bars = noise_bars(1146)
    windows = confirmed(bars, gap=10).windows
    assert [w.decision for w in windows] == [int(bars.time[1100 - 35 * k]) for k in range(10, -1, -1)]
    labels = np.concatenate([w.labels for w in windows])
    assert np.array_equal(labels, bars.close[761:1146] > bars.close[760:1145])
    assert np.array_equal(windows[-1].probability, train(bars, 1100, gap=10).test_probability)


def test_a_fit_of_one_class_is_refused() -> None:
    bars = noise_bars(1000)
    close = bars.close.copy()
    close[79:105] = np.linspace(50, 60, 26)
    rising = type(bars)(**{**vars(bars), "close": close})
    problem = plan_candle(rising, decision=180, spec=spec_at(rising, 180, gap=60)).problem
    assert problem.endswith("all went the same way. Choose a shorter gap or a longer training period.")


@pytest.mark.django_db
@pytest.mark.db_both
def test_a_run_has_it_in_its_split_samples_page_and_proof(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    make_series()
    run = carried({**BODY, "gap": 5}, user=alice)
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert answer["config"]["gap"] == 5 and answer["splits"]["test"]["rows"] == 30
    assert (answer["splits"]["test"]["first"], answer["splits"]["train"]["last"]) == (candle(505), candle(499))
    assert run.detail["proof"]["last_train_outcome"] == candle(500)
    assert run.detail["proof"]["first_test_outcome"] == candle(506)
    predicted = api(alice).post(f"/api/poc-predictions/{run.run_id}", {}).json()["predictions"]
    samples = {row["timestamp"]: row["sample"] for row in predicted}
    assert [samples[candle(place)] for place in (499, 500, 504, 505, 534, 535)] == [
        "validation", "after", "after", "test", "test", "after",
    ]  # fmt: skip
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert page.count('<rect class="fill-gap"') == 2 and "Gap (candles)" in page
    assert "part-gap" in browser_of(alice).get(f"/models/candle-{run.run_id}/").text
    repeated = verification(run, lambda *_: None)
    assert repeated["identical"] and repeated["truncation_identical"]


@pytest.mark.django_db
def test_a_live_run_is_scored_after_it() -> None:
    make_series(bars=600)
    run = carried({**BODY, "candle_date": candle(580), "gap": 8, "live": True})
    score = live_score(run)
    assert score is not None and score["candles"] == 600 - 1 - 580 - 8
    assert "None of its 30 candles" in (live_score(carried({**BODY, "candle_date": candle(595), "gap": 8,
                                                             "live": True})) or {})["sentence"]  # fmt: skip


@pytest.mark.django_db
def test_preview_form_and_command_take_it(
    alice: User, browser_of: BrowserOf, capsys: pytest.CaptureFixture[str]
) -> None:
    make_series(bars=600)
    browser = browser_of(alice)
    asked = {"symbol": "SPY", "candle": candle(400), "gap": "12"}
    gaps = browser.get("/training/preview", asked).json()["gaps"]
    assert [gap["rows"] for gap in gaps] == [12, 12]
    assert 'name="gap" value="12"' in browser.get("/training/new/", asked).text
    late = browser.get("/training/preview", {**asked, "candle": candle(560)}).json()["problem"]
    assert "there are 39, gap and test window need 47" in late
    assert f"The last candle that would do is {candle(552)}" in late
    call_command("train_poc", "--selected-candle-date", candle(400), "--symbol", "SPY", "--gap", "3", "--no-confirm",
                 "--json")  # fmt: skip
    assert json.loads(capsys.readouterr().out)["config"]["gap"] == 3


def test_only_another_gap_is_another_configuration() -> None:
    plain = parse_candle_spec(BODY)
    assert plain.params_hash() == parse_candle_spec({**BODY, "gap": 0}).params_hash()
    assert plain.params_hash() != parse_candle_spec({**BODY, "gap": 1}).params_hash()


@pytest.mark.parametrize("gap", [-1, 61, 2.5, True, "5", None])
def test_it_refuses_what_is_no_gap(gap: object) -> None:
    with pytest.raises(SpecError, match="gap: Must be a whole number from 0 to 60"):
        parse_candle_spec({**BODY, "gap": gap})
