"""Pages of models: what there is, why the gate refuses, who activated what when, and the way back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.market import make_series
from tests.people import ApiOf, BrowserOf
from tests.training.registry.test_activation import broken_model, universe_model
from tests.training.results import candle_result
from tests.training.run_builders import make_model, make_run
from training.models import Activation, ModelVersion, Status
from training.runs.annotations import run_describe
from training.web.tables import MODELS

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def _active() -> list[str]:
    return list(ModelVersion.objects.filter(is_active=True).values_list("version", flat=True))


def test_it_lists_models_with_verdict_gate_and_state(carol: User, bob: User, browser_of: BrowserOf) -> None:
    good, bad = universe_model(carol), universe_model(carol, excess_sharpe=-1.0)
    spy = make_series("SPY", bars=5)
    candle = make_model(make_run(carol, series=spy, status=Status.COMPLETED, result=candle_result()))
    browser_of(carol).post(f"/models/{good.version}/gate/", {"reason": "good", "expected_active": ""})
    browser = browser_of(bob)
    page = browser.get("/models/").text
    assert all(model.version in page for model in (good, bad, candle))
    assert (
        "passed" in page
        and 'title="market-neutral Sharpe ratio after costs"' in page
        and "1 of 6 metrics failed" in page
    )
    for query, shown in (
        ("kind=candle", {candle}),
        ("universe=few", {good, bad}),
        ("symbol=SPY", {candle}),
        ("active=yes", {good}),
        ("active=no&kind=universe", {bad}),
    ):
        found = browser.get(f"/models/?{query}").text
        assert {model for model in (good, bad, candle) if model.version in found} == shown, query
    assert "No model matches" in browser.get("/models/?kind=candle&active=yes").text
    assert "Select a valid choice" in browser.get("/models/?kind=square").text


def test_the_list_and_a_models_page_count_the_same_figures(carol: User, bob: User, browser_of: BrowserOf) -> None:
    """The page looks at three things more, and says how many checks are of which kind."""
    model, browser = universe_model(carol, excess_sharpe=-1.0, precision_buy=0.1), browser_of(bob)
    ModelVersion.objects.filter(pk=model.pk).update(files={"classifier.txt": "0" * 64})
    assert "2 of 6 metrics failed" in browser.get("/models/").text
    page = browser.get(f"/models/{model.version}/gate/").text
    assert "Activation checks: 3 of 9 failed" in page and "(2 of 6 metrics, 1 of 3 data and files)" in page


def test_it_asks_the_database_as_often_for_many_models_as_for_one(carol: User, browser_of: BrowserOf) -> None:
    browser, spy = browser_of(carol), make_series("SPY", bars=5)
    browser.get("/models/")
    for path in ("/models/", "/models/history/"):
        counts = []
        for number in (1, 8):
            for _ in range(number):
                model = universe_model(carol)
                make_model(make_run(carol, series=spy, status=Status.COMPLETED, result=candle_result()))
                browser.post(f"/models/{model.version}/gate/", {"reason": "a", "expected_active": _active()})
            with CaptureQueriesContext(connection) as seen:
                assert browser.get(path).status_code == 200
            counts.append(len(seen))
        assert counts[0] == counts[1], path


def test_it_pages_by_key(carol: User, browser_of: BrowserOf) -> None:
    models = [universe_model(carol) for _ in range(MODELS.size + 1)]
    first = browser_of(carol).get("/models/").text
    assert models[-1].version in first and models[0].version not in first and f"after={models[1].pk}" in first
    assert models[0].version in browser_of(carol).get(f"/models/?after={models[1].pk}").text


def test_it_shows_each_check_and_lets_a_manager_override_with_a_reason(
    carol: User, bob: User, browser_of: BrowserOf
) -> None:
    model, browser = universe_model(carol, p_value=0.2), browser_of(carol)
    address = f"/models/{model.version}/gate/"
    page = browser.get(address).text
    assert "Activation checks: 1 of 9 failed" in page and "Activate despite failed checks: verdict" in page
    assert "above the base rate, 30.0" in page and "Precision of BUY (%)" in page
    assert "Managers and admins may activate" in browser_of(bob).get(address).text
    assert browser_of(bob).post(address, {"reason": "x"}).status_code == 403
    for sent, status in (({"reason": " "}, 400), ({"reason": "x" * 501}, 400), ({"reason": "try"}, 422)):
        assert browser.post(address, sent).status_code == status and not _active()
    done = browser.post(address, {"reason": "A trial", "override": "on"}, follow=True)
    assert done.status_code == 200 and "Activated despite failed checks" in done.text and "A trial" in done.text
    assert "activated despite failed checks, by carol: A trial" in browser.get("/models/").text


def test_it_offers_no_override_of_changed_files(carol: User, browser_of: BrowserOf) -> None:
    model, browser = broken_model(carol), browser_of(carol)
    address = f"/models/{model.version}/gate/"
    page = browser.get(address).text
    assert 'name="override"' not in page and ">Activate</button>" not in page
    assert "classifier.txt changed or missing" in page and "Restore the files from a backup" in page
    sent = browser.post(address, {"reason": "A trial", "override": "on"})
    assert sent.status_code == 422 and not _active()


def test_it_says_so_when_the_race_was_lost(carol: User, dave: User, browser_of: BrowserOf) -> None:
    mine, other = universe_model(carol), universe_model(dave)
    page = browser_of(carol).get(f"/models/{mine.version}/gate/").text
    assert 'name="expected_active" value=""' in page
    browser_of(dave).post(f"/models/{other.version}/gate/", {"reason": "first", "expected_active": ""})
    lost = browser_of(carol).post(f"/models/{mine.version}/gate/", {"reason": "second", "expected_active": ""})
    assert lost.status_code == 409 and f"is {other.version}, not none" in lost.text
    assert f'name="expected_active" value="{other.version}"' in lost.text and 'value="second"' in lost.text
    assert _active() == [other.version]


def test_it_rolls_back_with_one_click_and_says_what_was_active_when(
    carol: User, alice: User, browser_of: BrowserOf
) -> None:
    first, second = universe_model(carol), universe_model(carol)
    run_describe(run=first.run, user=carol, changes={"name": "The first one"})
    browser = browser_of(carol)
    for model, before in ((first, ""), (second, first.version)):
        browser.post(f"/models/{model.version}/gate/", {"reason": "good", "expected_active": before})
    now = timezone.now()
    Activation.objects.filter(version=first.version).update(at=now - timedelta(days=5))
    Activation.objects.filter(version=second.version).update(at=now - timedelta(days=2))
    day = (now - timedelta(days=3)).strftime("%Y-%m-%d")
    then = browser.get(f"/models/history/?on={day}").text
    assert f"Active at the end of {day}" in then and "Roll back" not in then
    assert then.count(f'The first one <span class="run-id">{first.version}</span>') == 3  # then, activated, replaced
    assert browser.get("/models/history/?on=someday").status_code == 400
    back = f"/models/{second.version}/roll-back"
    assert back in browser.get("/models/history/").text and back not in browser_of(alice).get("/models/history/").text
    assert browser_of(alice).post(back).status_code == 403
    done = browser.post(back, follow=True)
    assert f"{first.version} is active for few 1d, 20 trading days again" in done.text and _active() == [first.version]
    assert Activation.objects.latest("id").reason == f"Rolled back from {second.version}"
    again = browser.post(back, follow=True)
    assert "is not active" in again.text and _active() == [first.version]


def test_it_rolls_back_over_the_api_although_the_gate_would_refuse_today(carol: User, api: ApiOf) -> None:
    first, second, program = universe_model(carol, p_value=0.2), universe_model(carol), api(carol)
    for model in (first, second):
        program.post(f"/api/models/{model.version}/activate", {"reason": "a", "override": True})
    address = f"/api/models/{second.version}/roll-back"
    assert program.post(address, {"reason": 3}).status_code == 400
    said = program.post(address, {"reason": "it lost money"}).json()
    assert said["version"] == first.version and said["is_active"] is True and said["previous"] == second.version
    made = Activation.objects.latest("id")
    assert made.overridden and made.reason == f"Rolled back from {second.version}: it lost money"
    assert program.post(address, {}).status_code == 409


def test_it_has_no_way_back_to_what_is_gone_or_changed(carol: User, browser_of: BrowserOf) -> None:
    first, second, browser = universe_model(carol), universe_model(carol), browser_of(carol)
    browser.post(f"/models/{first.version}/gate/", {"reason": "a", "expected_active": ""})
    assert "Nothing was active before it" in browser.post(f"/models/{first.version}/roll-back", follow=True).text
    browser.post(f"/models/{second.version}/gate/", {"reason": "b", "expected_active": first.version})
    ModelVersion.objects.filter(pk=first.pk).update(files={"classifier.txt": "0" * 64})
    assert "changed or missing" in browser.post(f"/models/{second.version}/roll-back", follow=True).text
    first.run.__class__.objects.filter(pk=first.run_id).update(deleted_at=timezone.now())
    assert "is gone" in browser.post(f"/models/{second.version}/roll-back", follow=True).text
    assert _active() == [second.version]


def test_it_deactivates_with_a_reason(carol: User, browser_of: BrowserOf) -> None:
    model, browser = universe_model(carol), browser_of(carol)
    off = f"/models/{model.version}/deactivate"
    assert browser.post(off, {"reason": "stale"}).status_code == 409
    browser.post(f"/models/{model.version}/gate/", {"reason": "a", "expected_active": ""})
    assert browser.post(off, {"reason": ""}).status_code == 400 and _active()
    assert browser.post(off, {"reason": "stale"}).status_code == 302 and not _active()
