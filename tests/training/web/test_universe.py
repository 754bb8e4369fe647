"""The form that trains a universe: what it would use, what it starts, and the demo's one click."""

import pytest
from django.contrib.auth.models import User

from tests.people import BrowserOf
from tests.training.recipes.test_walk_forward import carry_next
from tests.training.results import universe_result
from tests.training.run_builders import enter_universe, make_run
from tests.training.universe import make_universe
from training.models import Status, TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
FORM, USE = "/training/universe/", "/training/universe/use"


def test_it_says_what_it_would_use_and_what_is_lacking(alice: User, bob: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(alice)
    said = browser.get(USE, {"universe": "few", "horizon": "5"}).text
    assert "about 355" in said and "(at least 140 needed)" in said and "about 2,130" in said
    assert "at least the 1st trial on few: needs p &lt; 0.025" in said
    short = browser.get(USE, {"universe": "few", "how": "walk", "folds": "10", "horizon": "5"}).text
    assert "Too little data: about 355 days" in short and "705 are needed" in short
    assert "No instrument" not in short
    for query, text in (
        ({"horizon": "0"}, "Must be a whole number from 1 to 120"),
        ({"as_of": "someday"}, "As of"),
        ({"universe": "none"}, "Select a valid choice"),
        ({"universe": "few", "as_of": "1990-01-01"}, "Too little data"),
    ):
        assert text in browser.get(USE, query).text, query
    assert browser.get(FORM).status_code == 200 and browser_of(bob).get(FORM).status_code == 403


def test_it_says_before_start_what_the_trial_needs(alice: User, browser_of: BrowserOf) -> None:
    """Trials over universes that share members count, whatever they are called."""
    members = [series.instrument_id for series in make_universe()]
    for name, ids in (("others", [1_000, 1_001]), ("half", members[:3])):
        run = make_run(
            alice, kind="universe", universe=name, status=Status.COMPLETED, result=universe_result(universe=name)
        )
        enter_universe(run, *ids, data_hash=name)
    browser = browser_of(alice)
    for query in ({"universe": "few", "horizon": "5"}, {"universe": "few", "horizon": "5", "how": "walk"}):
        assert "at least the 2nd trial on few: needs p &lt; 0.0083" in browser.get(USE, query).text
    assert "at least the 2nd trial on few" in browser.get(FORM, {"universe": "few"}).text


def test_it_takes_thresholds_in_per_cent(alice: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(alice)
    page = browser.get(FORM, {"universe": "few", "horizon": "5"}).text
    assert 'value="5"' in page and 'value="-2"' in page and 'data-follows="id_horizon">5</span>-day return' in page
    refused = browser.post(FORM, {"universe": "few", "buy_threshold": "0.05"})
    assert refused.status_code == 400 and "Must be a number from 0.1 to 100 (%)." in refused.text
    browser.post(FORM, {"universe": "few", "buy_threshold": "2.3", "sell_threshold": "-1.15"})
    run = TrainingRun.objects.latest("id")
    assert (run.config["buy_threshold"], run.config["sell_threshold"]) == (0.023, -0.0115)
    browser.post(f"/runs/{run.run_id}/cancel")
    shown = browser.get(f"/runs/{run.run_id}/").text
    assert "Universe run few 1d" in shown and "at least (%)</dt><dd>2.3</dd>" in shown
    again = browser.get(FORM, {"from": run.run_id}).text
    assert 'value="2.3"' in again and 'value="-1.15"' in again


def test_it_says_when_there_are_no_prices(alice: User, browser_of: BrowserOf) -> None:
    assert "There are no prices yet" in browser_of(alice).get(FORM).text
    refused = browser_of(alice).post(FORM, {"universe": "all"})
    assert refused.status_code == 400 and "There are no prices yet" in refused.text


def test_it_starts_what_was_asked_for(alice: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(alice)
    sent = {"universe": "few", "horizon": "5", "judged_model": "on", "how": "train", "folds": "7"}
    assert browser.post(FORM, sent).status_code == 302
    run = TrainingRun.objects.get()
    assert run.kind == "universe" and run.config["horizon"] == 5 and run.config["refit"] is False
    done = carry_next()
    assert done and done.status == Status.COMPLETED
    page = browser.get(f"/runs/{run.run_id}/").text
    for text in ("Profit and loss over the test days", "Long only", "Calibration", "Weights of the features"):
        assert text in page
    assert f"/models/universe-{run.run_id}/gate/" in page and f"/training/universe/?from={run.run_id}" in page
    browser.post(FORM, {"universe": "few", "how": "walk", "folds": "2", "step": "30", "horizon": "5"})
    walk = TrainingRun.objects.get(kind="walk")
    assert (walk.config["folds"], walk.config["step"], walk.parts.count()) == (2, 30, 2)
    refused = browser.post(FORM, {"universe": "few", "how": "walk", "folds": "0"})
    assert refused.status_code == 400 and "Must be a whole number from 1 to 100" in refused.text


@pytest.mark.parametrize("how", ["train", "walk"])
def test_it_asks_again_for_all_that_a_run_was_asked_for(how: str, alice: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(alice)
    sent = {"universe": "few", "horizon": "7", "buy_threshold": "4", "as_of": "2000-12-29", "how": how}
    sent |= {"judged_model": "on"} if how == "train" else {"folds": "2", "step": "30", "window": "rolling"}
    assert browser.post(FORM, sent).status_code == 302
    first = TrainingRun.objects.exclude(kind="fold").get()
    TrainingRun.objects.filter(pk=first.pk).update(config={**first.config, "seed": 11})
    page = browser.get(FORM, {"from": first.run_id})
    form = page.context["form"]
    assert f'name="from" value="{first.run_id}"' in page.text
    again = {name: value for name in form.fields if (value := form[name].value())}
    assert browser.post(FORM, {**again, "from": first.run_id}).status_code == 302
    second = TrainingRun.objects.exclude(kind="fold").latest("pk")
    assert second.pk != first.pk and second.config == {**first.config, "seed": 11}
    browser.post(FORM, {**again, "from": "20000101_000000_none"})
    assert TrainingRun.objects.exclude(kind="fold").latest("pk").config == first.config


def test_it_offers_the_demo_until_a_universe_was_trained(alice: User, bob: User, browser_of: BrowserOf) -> None:
    browser, offer = browser_of(alice), "/training/universe/demo"
    assert "demo-offer" not in browser.get(offer).text
    make_universe("demo")
    words = "Train on the demo universe"
    for path in (offer, "/models/"):
        said = browser.get(path).text
        assert words in said and "prove nothing" in said
        assert words not in browser_of(bob).get(path).text
    assert browser.post(FORM, {"universe": "demo"}).status_code == 302
    run = TrainingRun.objects.get()
    assert run.config["universe"] == "demo" and run.config["lookback_days"] == 2000
    assert "prove nothing" in browser.get(f"/runs/{run.run_id}/").text
    assert words not in browser.get("/models/").text
