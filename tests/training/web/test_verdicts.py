"""Pages of verdicts: confirmation, proofs, live runs, and who may ask for them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instruments.models import Series
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried
from tests.training.evidence.test_candle import carry_job, confirmation_of
from training.models import Status, TrainingRun
from training.runs.as_json import run_json
from training.runs.services import follow_up_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY = {"candle_date": candle(560), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def series() -> Series:
    return make_series()


@pytest.fixture
def page(bob: User, browser_of: BrowserOf) -> Callable[..., str]:
    """What bob, who may only look, sees of a run."""
    browser = browser_of(bob)

    def of(run: TrainingRun, part: str = "") -> str:
        if part:
            return browser.get(f"/runs/{run.run_id}/", {"part": part}, headers=HTMX).text
        return browser.get(f"/runs/{run.run_id}/").text

    return of


def end(job: TrainingRun, status: Status, error: str = "") -> None:
    own = {} if status == Status.COMPLETED else {"once_key": None}
    TrainingRun.objects.filter(pk=job.pk).update(status=status, finished_at=timezone.now(), error=error, **own)


def test_it_polls_its_verdict_while_the_confirmation_goes_on(series: Series, page: Callable[..., str]) -> None:
    run = carried(BODY)
    waiting = page(run, "verdict")
    assert "<html" not in waiting and 'id="verdict-panel"' in waiting
    assert "data-poll" in waiting and "Confirming: waiting for a worker" in waiting
    TrainingRun.objects.filter(pk=confirmation_of(run).pk).update(message="window 4 of 11")
    waiting = page(run, "verdict")
    assert "Confirming: window 4 of 11" in waiting and waiting.count("is-done") == 3
    assert "Completed, confirming window 4 of 11 · SPY" in waiting
    carry_job(confirmation_of(run))
    done = page(run, "verdict")
    assert "data-poll" not in done and "hx-trigger" not in done
    assert done.count("strip-dot") == 12 and "this run" in done and "pooled" in done
    assert "Logistic regression, same rows" in done
    assert "1 trial on SPY" in done and "/trials/?symbol=SPY&amp;timeframe=1d" in done
    assert "on SPY needs p &lt; 0.025" in done
    assert "With 220 candles, an AUC" in done and "can't be told from chance" in done


def test_it_keeps_the_list_of_runs_polling_until_all_are_confirmed(
    series: Series, bob: User, browser_of: BrowserOf
) -> None:
    run = carried(BODY)
    waiting = browser_of(bob).get("/runs/").text
    assert "data-poll" in waiting and "not confirmed" in waiting
    carry_job(confirmation_of(run))
    done = browser_of(bob).get("/runs/").text
    assert "data-poll" not in done and "not confirmed" not in done


def test_it_says_when_history_allows_fewer_windows(page: Callable[..., str]) -> None:
    make_series()
    run = carried({**BODY, "candle_date": candle(250)})
    carry_job(confirmation_of(run))
    windows = len(run_json(run)["confirmation"]["windows"])
    assert 1 <= windows < 11
    assert f"{windows} of 11 windows: the history before this candle is too short for more." in page(run)


def test_it_says_which_window_has_one_class(series: Series, page: Callable[..., str]) -> None:
    run = carried(BODY)
    job = carry_job(confirmation_of(run))
    job.result["windows"][2] |= {"auc": None, "auc_interval": None, "up": 20}
    job.save()
    text = page(run)
    assert "all 20 candles rose, so there is nothing to rank" in text and "one class" in text


def test_it_says_when_the_simpler_model_is_better(series: Series, page: Callable[..., str]) -> None:
    run = carried(BODY)
    job = carry_job(confirmation_of(run))
    job.result["logistic_is_better"] = True
    job.save()
    assert "Logistic regression on the same candles ranks better" in page(run)
    assert run_json(run)["confirmation"]["logistic_is_better"] is True


def test_it_offers_the_confirmation_that_was_left_out(series: Series, alice: User, browser_of: BrowserOf) -> None:
    run = carried({**BODY, "confirm": False}, user=alice)
    browser = browser_of(alice)
    assert "This run was started without confirmation" in browser.get(f"/runs/{run.run_id}/").text
    answer = browser.post(f"/runs/{run.run_id}/confirm", headers=HTMX).text
    assert "Confirming" in answer and "data-poll" in answer
    job = confirmation_of(run)
    end(job, Status.FAILED, "The disk is full.")
    failed = browser.get(f"/runs/{run.run_id}/").text
    assert "The confirmation failed: The disk is full." in failed and f"/runs/{run.run_id}/confirm" in failed
    assert browser.post(f"/runs/{run.run_id}/confirm").headers["Location"] == f"/runs/{run.run_id}/"
    assert run.jobs.filter(kind="confirmation", status=Status.QUEUED).count() == 1


def test_it_proves_and_verifies_on_the_page(series: Series, alice: User, browser_of: BrowserOf) -> None:
    run = carried(BODY, user=alice)
    browser = browser_of(alice)
    text = browser.get(f"/runs/{run.run_id}/").text
    assert f'Last outcome used <strong title="{candle(560)}">{candle(560)[:10]}</strong> ≤ decision' in text
    assert f'first test outcome <strong title="{candle(561)}">{candle(561)[:10]}</strong>' in text
    asked = browser.post(f"/runs/{run.run_id}/verify", headers=HTMX).text
    assert 'id="proof"' in asked and "data-poll" in asked and "Verifying: waiting for a worker" in asked
    carry_job(run.jobs.get(kind="verification"))
    done = browser.get(f"/runs/{run.run_id}/", {"part": "proof"}, headers=HTMX).text
    assert "data-poll" not in done and "Bit-identical" in done and "Verify again" in done


def test_it_draws_the_newest_noise_control(series: Series, alice: User, browser_of: BrowserOf) -> None:
    run = carried(BODY, user=alice)
    browser = browser_of(alice)
    browser.post(f"/runs/{run.run_id}/control")
    job = carry_job(run.jobs.get(kind="control"))
    text = browser.get(f"/runs/{run.run_id}/").text
    assert text.count("rotated-dot") == 30 and "rotated-real" in text
    assert job.result["sentence"] in text
    newer = follow_up_create(verb="control", run=run, user=alice)
    end(newer, Status.FAILED, "Out of memory.")
    assert "It failed: Out of memory." in browser.get(f"/runs/{run.run_id}/").text


def test_it_shows_buttons_only_to_those_who_may_train(
    series: Series, alice: User, bob: User, browser_of: BrowserOf
) -> None:
    run = carried({**BODY, "confirm": False}, user=alice)
    addresses = [f"/runs/{run.run_id}/{verb}" for verb in ("confirm", "verify", "control")]
    seen = browser_of(alice).get(f"/runs/{run.run_id}/").text
    unseen = browser_of(bob).get(f"/runs/{run.run_id}/").text
    for address in addresses:
        assert address in seen and address not in unseen
        assert browser_of(bob).post(address).status_code == 403
        assert browser_of(alice).get(address).status_code == 405
    assert not run.jobs.exists()


def test_it_refuses_jobs_about_runs_without_result(series: Series, alice: User, browser_of: BrowserOf) -> None:
    run = carried(BODY, user=alice)
    TrainingRun.objects.filter(pk=run.pk).update(status=Status.FAILED)
    answer = browser_of(alice).post(f"/runs/{run.run_id}/verify", follow=True)
    assert "has no result to ask about" in answer.text
    assert browser_of(alice).post("/runs/nothing/verify").status_code == 404


def test_it_leads_from_a_job_to_the_run_it_is_about(series: Series, bob: User, browser_of: BrowserOf) -> None:
    run = carried(BODY)
    answer = browser_of(bob).get(f"/runs/{confirmation_of(run).run_id}/")
    assert answer.status_code == 302 and answer["Location"] == f"/runs/{run.run_id}/"


@pytest.mark.parametrize("what", ["confirm", "verify", "control"])
def test_it_cancels_what_was_asked_of_a_finished_run(
    series: Series, alice: User, bob: User, browser_of: BrowserOf, what: str
) -> None:
    run = carried({**BODY, "confirm": False}, user=alice)
    browser, address = browser_of(alice), f"/runs/{run.run_id}/{what}"
    assert "nothing left to cancel" in browser.post(f"{address}/cancel", follow=True).text
    browser.post(address)
    assert f'action="{address}/cancel"' in browser.get(f"/runs/{run.run_id}/").text
    assert browser_of(bob).post(f"{address}/cancel").status_code == 403
    fragment = browser.post(f"{address}/cancel", headers={"HX-Request": "true"}).text
    assert "was cancelled" in fragment and "/cancel" not in fragment and "<html" not in fragment
    assert run.jobs.get().status == Status.CANCELLED


def test_it_asks_few_queries_whatever_was_done_before(series: Series, alice: User, browser_of: BrowserOf) -> None:
    run = carried(BODY, user=alice)
    carry_job(confirmation_of(run))
    browser = browser_of(alice)

    def count(browser: Client) -> int:
        with CaptureQueriesContext(connection) as found:
            assert browser.get(f"/runs/{run.run_id}/").status_code == 200
        return len(found)

    before = count(browser)
    for _ in range(5):
        end(follow_up_create(verb="verify", run=run, user=alice), Status.COMPLETED)
    assert count(browser) == before <= 20


def test_it_explains_its_figures(series: Series, page: Callable[..., str]) -> None:
    text = page(carried(BODY))
    for key in ("accuracy", "auc", "p_value", "walk_forward", "sharpe", "verification", "control"):
        assert f'popovertarget="note-{key}"' in text and f'id="note-{key}"' in text


def test_it_scores_a_live_run_as_its_future_comes(
    series: Series, alice: User, page: Callable[..., str], api: ApiOf
) -> None:
    run = carried({**BODY, "candle_date": candle(590), "live": True})
    carry_job(confirmation_of(run))
    score = run_json(run)["live_score"]
    assert (score["candles"], score["of"]) == (9, 20)
    assert score["metrics"]["rows"] == 9
    right = score["metrics"]["confusion"][0] + score["metrics"]["confusion"][3]
    assert score["sentence"] == f"9 of 20 candles so far: {right} of them predicted correctly."
    text = page(run)
    assert score["sentence"] in text and "A live run has no test window yet" in text
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert answer["live_score"] == score
    assert run_json(carried(BODY))["live_score"] is None
    assert all(one["live_score"] is None for one in api(alice).get("/api/training/poc-runs").json())


def test_it_says_that_nothing_has_happened_since(series: Series, page: Callable[..., str]) -> None:
    run = carried({**BODY, "candle_date": candle(599), "live": True})
    assert run_json(run)["live_score"]["metrics"] is None
    assert "None of its 20 candles has happened yet." in page(run)
