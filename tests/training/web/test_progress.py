"""How far runs are, as pages say it: time left, and walks whose folds are under way."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from boursomatic.shared.ages import seconds_since
from tests.market import make_series
from tests.people import BrowserOf
from tests.training.run_builders import make_run
from tests.training.universe import make_universe
from training.models import Status, TrainingRun
from training.quant.universe.spec import parse_universe_spec
from training.queue import leases
from training.web.presenters.progress import duration_text

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
LEFT = "<dt>Time left</dt><dd>about 5 min</dd>"


@pytest.mark.parametrize("kind", ["candle", "universe", "drift"])
def test_a_running_run_says_how_long_it_will_take(kind: str, alice: User, bob: User, browser_of: BrowserOf) -> None:
    """A quarter of the way after 100 seconds: 300 are left."""
    begun = {"status": Status.RUNNING, "progress": 0.25, "started_at": timezone.now() - timedelta(seconds=100)}
    config = {"universe": {"config": parse_universe_spec({"universe": "few"}).as_dict()}, "drift": {"config": {}}}
    series = make_series() if kind == "candle" else None
    run = make_run(alice, kind=kind, series=series, **begun, **config.get(kind, {}))
    assert LEFT in browser_of(bob).get(f"/runs/{run.run_id}/").text
    TrainingRun.objects.filter(pk=run.pk).update(progress=0.01)
    assert "Time left" not in browser_of(bob).get(f"/runs/{run.run_id}/").text


def test_a_walk_runs_while_its_folds_do(alice: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(alice)
    browser.post("/training/universe/", {"universe": "few", "how": "walk", "folds": "2", "step": "30", "horizon": "5"})
    walk, first = TrainingRun.objects.get(kind="walk"), TrainingRun.objects.filter(kind="fold").order_by("pk")[0]
    word = '<span class="status-word is-{}">{}</span>'
    waiting, under_way = word.format("queued", "Queued"), word.format("running", "Running")
    pages = (f"/runs/{walk.run_id}/", "/runs/", "/")
    assert all(waiting in browser.get(path).text for path in pages)
    assert leases.claim(first.pk, host="test", pid=1)
    TrainingRun.objects.filter(pk=first.pk).update(progress=0.5, started_at=timezone.now() - timedelta(seconds=100))
    for path in pages[1:]:
        assert under_way in browser.get(path).text and waiting not in browser.get(path).text
    assert under_way in browser.get(pages[0]).text and LEFT in browser.get(pages[0]).text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (41.3, "about 41 s"),
        (119.6, "about 2 min"),
        (290, "about 5 min"),
        (7190, "about 2 h"),
        (7800, "about 2 h 10 min"),
    ],
)
def test_it_says_a_duration_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_no_age_is_below_zero_after_the_clock_was_set_back() -> None:
    assert seconds_since(timezone.now() + timedelta(hours=1)) == 0.0
    assert seconds_since(timezone.now() - timedelta(hours=1)) >= 3600
