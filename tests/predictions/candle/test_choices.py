import pytest
from django.contrib.auth.models import User

from tests.market import make_series
from tests.people import BrowserOf
from tests.training.results import candle_result
from tests.training.run_builders import make_model, make_run
from training.models import Status

pytestmark = pytest.mark.db_both
ADDRESS = "/predictions/models?symbol=SPY&timeframe=1d"


def test_it_lists_the_teams_models_for_a_chart(alice: User, bob: User, browser_of: BrowserOf) -> None:
    spy, ibm = make_series(bars=3), make_series("IBM", bars=3)
    old, active, other = (make_run(alice, series=series, status=Status.COMPLETED) for series in (spy, spy, ibm))
    make_run(alice, series=spy, status=Status.FAILED)
    make_model(old)
    make_model(active, is_active=True)
    make_model(other)
    answer = browser_of(bob).get(ADDRESS)
    found = answer.json()
    groups = {name: [one["run_id"] for one in group] for name, group in found.items()}
    assert groups == {"active": [active.run_id], "recent": [old.run_id], "others": [other.run_id]}
    assert "SPY 2019-06-03" in found["recent"][0]["label"] and "alice" in found["recent"][0]["label"]
    assert browser_of(bob).get(ADDRESS, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304


def test_it_puts_the_model_that_was_just_activated_first_for_everybody(
    alice: User, bob: User, carol: User, browser_of: BrowserOf
) -> None:
    spy = make_series(bars=3)
    runs = [make_run(alice, series=spy, status=Status.COMPLETED, result=candle_result()) for _ in range(3)]
    models = [make_model(run) for run in runs]
    before = browser_of(bob).get(ADDRESS)
    assert before.json()["active"] == []
    sent = {"reason": "the oldest of them", "override": "on", "expected_active": ""}
    assert browser_of(carol).post(f"/models/{models[0].version}/gate/", sent).status_code == 302
    after = browser_of(bob).get(ADDRESS, HTTP_IF_NONE_MATCH=before["ETag"]).json()
    assert [one["run_id"] for group in after.values() for one in group] == [
        runs[0].run_id,
        runs[2].run_id,
        runs[1].run_id,
    ]


def test_it_asks_few_queries_however_many_models(
    alice: User, browser_of: BrowserOf, django_assert_max_num_queries: object
) -> None:
    series = make_series(bars=3)
    for _ in range(40):
        make_model(make_run(alice, series=series, status=Status.COMPLETED))
    browser = browser_of(alice)
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        assert len(browser.get(ADDRESS).json()["recent"]) == 30
