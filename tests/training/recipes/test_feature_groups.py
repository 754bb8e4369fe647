"""Features by groups: chosen in a request or on the form, kept with the model, served as they were trained."""

import re
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from instruments.quant.features.candle import GROUPS, feature_matrix, feature_set
from instruments.quant.features.names import FEATURE_GROUPS, FEATURE_SETS, feature_set_name
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried
from tests.training.quant.noise import noise_bars
from training.models import TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import SpecError
from training.recipes.verification.execute import verification

BODY: dict[str, Any] = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "confirm": False}


def test_every_group_has_its_columns_and_the_named_sets_are_made_of_them() -> None:
    assert tuple(GROUPS) == FEATURE_GROUPS
    for name, groups in FEATURE_SETS.items():
        assert sorted(feature_set(name).columns) == sorted(c for group in groups for c in GROUPS[group].columns)
        assert feature_set_name(groups[::-1]) == name


def test_ma5_is_what_it_says() -> None:
    bars = noise_bars(60)
    bars.volume[20:30] = 0.0
    found = dict(zip(feature_set("ma5").columns, feature_matrix(bars, name="ma5", timeframe="1d").T, strict=True))
    for t in range(5, 60):
        mean, before = bars.close[t - 4 : t + 1].mean(), bars.close[t - 5 : t].mean()
        volume = bars.volume[t - 4 : t + 1].mean()
        row = [found[name][t] for name in feature_set("ma5").columns]
        expected = [bars.close[t] / mean - 1, mean / before - 1, bars.volume[t] / volume - 1 if volume else 0.0]
        np.testing.assert_allclose(row, expected, rtol=1e-9, atol=1e-12)


def test_a_list_equal_to_a_set_is_that_set() -> None:
    for name, groups in FEATURE_SETS.items():
        named, listed = ({**BODY, "feature_set": name}, {**BODY, "features": list(groups[::-1])})
        assert parse_candle_spec(named).params_hash() == parse_candle_spec(listed).params_hash()
    own = parse_candle_spec({**BODY, "features": ["ma5", "shape"]})
    assert own.feature_set == "shape+ma5"
    assert own.params_hash() != parse_candle_spec({**BODY, "features": ["ma5"]}).params_hash()


@pytest.mark.parametrize("change", [
    {"features": []}, {"features": "shape"}, {"features": ["shape", "magic"]}, {"features": [["shape"]]},
    {"features": ["shape"], "feature_set": "poc16"}, {"features": ["shape"], "protocol": "steady"},
])  # fmt: skip
def test_it_refuses_other_features(change: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as refused:
        parse_candle_spec({**BODY, **change})
    assert set(refused.value.errors) == {"features"}


@pytest.mark.django_db
@pytest.mark.db_both
def test_it_trains_serves_and_proves_a_set_of_its_own(alice: User, browser_of: BrowserOf, api: ApiOf) -> None:
    make_series()
    run = carried({**BODY, "features": list(FEATURE_GROUPS), "decision": "next_open"}, user=alice)
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert answer["config"]["feature_set"] == "+".join(FEATURE_GROUPS) == run.feature_set
    assert len(answer["feature_names"]) == sum(len(group.columns) for group in GROUPS.values())
    assert any("Raw price levels" in text for text in run.detail["warnings"])
    assert api(alice).post(f"/api/poc-predictions/{run.run_id}", {}).json()["predictions"]
    browser = browser_of(alice)
    assert "ma5" in browser.get(f"/models/{run.model_version.version}/").text
    again = browser.get(f"/training/new/?from={run.run_id}").text
    assert (
        len(re.findall(r'name="features"[^>]* checked>', again)) == len(FEATURE_GROUPS)
        and '<option value="chosen" selected>' in again
    )
    found = verification(run, lambda *_: None)
    assert found["identical"] and found["truncation_identical"]


@pytest.mark.django_db
@pytest.mark.db_both
def test_the_form_takes_the_ticked_groups(alice: User, browser_of: BrowserOf) -> None:
    make_series()
    browser = browser_of(alice)
    sent = {"symbol": "SPY", "timeframe": "1d", "candle_date": candle(500), "train_years": "1.5",
            "learning_rate": "0.1", "test_window_size": "30", "num_leaves": "15", "max_depth": "3",
            "min_child_samples": "20",
            "feature_set": "chosen"}  # fmt: skip
    refused = browser.post("/training/new/", sent)
    assert refused.status_code == 400 and "Must be a list of at least one of" in refused.text
    assert browser.post("/training/new/", {**sent, "features": ["ma5", "shape"]}).status_code == 302
    assert TrainingRun.objects.get().config["feature_set"] == "shape+ma5"
