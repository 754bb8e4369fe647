"""A run by the protocol `steady`, from the dialog to its proofs."""

import pytest
from django.contrib.auth.models import User

from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried, carry
from training.models import TrainingRun
from training.quant.candle.spec import STEADY
from training.recipes.verification.execute import verification
from training.runs.services import follow_up_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "protocol": "steady", "confirm": False}


def test_it_is_judged_drawn_and_proved_without_validation_rows(alice: User, browser_of: BrowserOf, api: ApiOf) -> None:
    make_series()
    run = carried(BODY, user=alice)
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert answer["config"]["params"] == STEADY and answer["config"]["feature_set"] == "scale_free"
    assert answer["splits"]["validation"] == {"rows": 0, "first": None, "last": None, "class_counts": {"0": 0, "1": 0}}
    assert answer["validation_metrics"]["auc"] is None
    assert answer["validation_metrics"]["undefined"] == {"all": "nothing is held out for validation"}
    assert answer["test_metrics"]["auc"] is not None

    browser = browser_of(alice)
    page = browser.get(f"/runs/{run.run_id}/").text
    assert "nothing is held out for validation" in page and "Learning curve" not in page
    assert browser.get(f"/models/{run.model_version.version}/").status_code == 200

    rows = api(alice).post(f"/api/poc-predictions/{run.run_id}", {}).json()["predictions"]
    sample = {row["timestamp"]: row["sample"] for row in rows}
    assert (sample[candle(499)], sample[candle(500)]) == ("train", "test")

    found = verification(run, lambda *_: None)
    assert found["identical"] and found["truncation_identical"]
    control = carry(follow_up_create(verb="control", run=run, user=alice))
    assert len(control.result["rotated"]) == 30


def test_the_dialog_shows_its_settings_as_fixed(alice: User, browser_of: BrowserOf) -> None:
    make_series()
    browser, address = browser_of(alice), f"/training/new/?symbol=SPY&candle={candle(500)}"
    assert "readonly" not in browser.get(address).text
    page = browser.get(f"{address}&protocol=steady").text
    assert page.count("readonly") == len(STEADY)
    assert all(f'name="{name}" value="{value:g}"' in page for name, value in STEADY.items())
    sent = {"symbol": "SPY", "timeframe": "1d", "candle_date": candle(500), "protocol": "steady",
            "train_years": "1.5", "test_window_size": "30", **dict.fromkeys(STEADY, "12")}  # fmt: skip
    assert browser.post("/training/new/", sent).status_code == 302
    config = TrainingRun.objects.filter(kind="candle").get().config
    assert {name: config[name] for name in STEADY} == STEADY
