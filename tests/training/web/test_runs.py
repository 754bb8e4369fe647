import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.market import make_series
from tests.people import BrowserOf
from tests.training.run_builders import make_model, make_run
from training.artifacts.storage import artifact_storage
from training.models import Status, TrainingRun
from training.web.tables import RUNS

pytestmark = pytest.mark.db_both
HTMX = {"HX-Request": "true"}


@pytest.fixture
def queries() -> Callable[[Client, str], int]:
    def count(browser: Client, path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert browser.get(path).status_code == 200
        return len(found)

    return count


def test_it_lists_newest_first_page_by_page(alice: User, browser_of: BrowserOf) -> None:
    runs = [make_run(alice, status=Status.COMPLETED) for _ in range(RUNS.size + 3)]
    browser = browser_of(alice)
    first = browser.get("/runs/").text
    assert first.index(runs[-1].run_id) < first.index(runs[-2].run_id)
    assert runs[2].run_id not in first and runs[3].run_id in first
    older = browser.get("/runs/", {"after": runs[3].pk}).text
    assert runs[2].run_id in older and runs[3].run_id not in older
    assert f'rel="next" href="?after={runs[3].pk}"' in first and 'rel="prev"' not in first
    assert f'rel="prev" href="?before={runs[2].pk}"' in older and 'rel="next"' not in older
    assert browser.get("/runs/", {"before": runs[2].pk}).text.count("/runs/2024") == RUNS.size


def test_it_filters_by_status_instrument_and_person(alice: User, carol: User, browser_of: BrowserOf) -> None:
    spy, ibm = make_series("SPY", bars=5), make_series("IBM", bars=5)
    failed = make_run(alice, series=spy, status=Status.FAILED)
    done = make_run(carol, series=ibm, status=Status.COMPLETED)
    browser = browser_of(alice)
    for query, kept, left_out in (
        ({"status": "failed"}, failed, done),
        ({"symbol": "IBM"}, done, failed),
        ({"person": "carol"}, done, failed),
    ):
        page = browser.get("/runs/", query).text
        assert kept.run_id in page and left_out.run_id not in page
    wrong = browser.get("/runs/", {"status": "excellent"})
    assert wrong.status_code == 200 and "Select a valid choice" in wrong.text
    assert "No run matches" in browser.get("/runs/", {"status": "queued"}).text


@pytest.mark.parametrize("rubbish", ["x", "-1", "9" * 25, "²"])
def test_it_takes_any_rubbish_for_a_page(alice: User, browser_of: BrowserOf, rubbish: str) -> None:
    for name in ("before", "after", "sort"):
        assert browser_of(alice).get("/runs/", {name: rubbish}).status_code == 200
    assert browser_of(alice).get("/runs/", {"sort": "auc", "after": rubbish}).status_code == 200


def test_it_asks_as_many_queries_for_many_runs_as_for_one(
    alice: User, carol: User, browser_of: BrowserOf, queries: Callable[[Client, str], int]
) -> None:
    series = make_series(bars=5)
    browser = browser_of(alice)
    make_run(alice, series=series, status=Status.COMPLETED)
    one = queries(browser, "/runs/")
    for person in (alice, carol) * 10:
        make_run(person, series=series, status=Status.COMPLETED)
    assert queries(browser, "/runs/") == one <= 19


def test_it_polls_only_while_something_moves(alice: User, browser_of: BrowserOf) -> None:
    run = make_run(alice)
    browser = browser_of(alice)
    assert "data-poll" in browser.get("/runs/").text
    assert "data-poll" in browser.get(f"/runs/{run.run_id}/").text
    TrainingRun.objects.update(status=Status.CANCELLED, finished_at=run.created_at)
    assert "data-poll" not in browser.get("/runs/").text
    assert "data-poll" not in browser.get(f"/runs/{run.run_id}/").text


def test_it_gives_page_and_fragment_at_one_address(alice: User, browser_of: BrowserOf) -> None:
    run = make_run(alice)
    browser = browser_of(alice)
    page, fragment = browser.get(f"/runs/{run.run_id}/"), browser.get(f"/runs/{run.run_id}/", headers=HTMX)
    assert "<html" in page.text and "<html" not in fragment.text
    assert "HX-Request" in page["Vary"] and "HX-Request" in fragment["Vary"]
    assert 'id="run-live"' in page.text and 'id="run-live"' in fragment.text


def test_it_says_where_a_waiting_run_stands_and_that_no_worker_is_there(alice: User, browser_of: BrowserOf) -> None:
    make_run(alice)
    run = make_run(alice)
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "1 run before it" in page
    assert "No worker is running" in page


def test_it_shows_why_a_run_failed_in_one_sentence(alice: User, browser_of: BrowserOf) -> None:
    run = make_run(
        alice, status=Status.FAILED, error="The disk is full.", error_reason="disk_full", error_trace="Traceback x"
    )
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "The disk is full." in page and "The disk was full" in page and "disk_full" not in page
    assert "Traceback" not in page


def test_it_lets_the_owner_and_managers_cancel_and_delete(
    alice: User, bob: User, carol: User, browser_of: BrowserOf
) -> None:
    run = make_run(carol)
    assert browser_of(bob).post(f"/runs/{run.run_id}/cancel").status_code == 403
    assert browser_of(alice).post(f"/runs/{run.run_id}/cancel").status_code == 403
    own = make_run(alice)
    for person, one in ((alice, own), (carol, run)):
        browser = browser_of(person)
        assert "Cancel" in browser.get(f"/runs/{one.run_id}/").text
        assert browser.post(f"/runs/{one.run_id}/delete", follow=True).redirect_chain == [(f"/runs/{one.run_id}/", 302)]
        assert "Cancelled: no model, no files" in browser.post(f"/runs/{one.run_id}/cancel", follow=True).text
        assert f"Run {one.run_id} is deleted." in browser.post(f"/runs/{one.run_id}/delete", follow=True).text
        assert browser.get(f"/runs/{one.run_id}/").status_code == 404


def test_it_says_that_it_is_too_late_to_cancel(alice: User, browser_of: BrowserOf) -> None:
    run = make_run(alice, status=Status.COMPLETED)
    page = browser_of(alice).post(f"/runs/{run.run_id}/cancel", follow=True).text
    assert "has already ended" in page


def test_it_serves_the_files_of_a_run_and_nothing_else(bob: User, browser_of: BrowserOf) -> None:
    run = make_run(bob, status=Status.COMPLETED)
    model = make_model(run, files={"model.txt": "0" * 64, "lost.txt": "0" * 64})
    artifact_storage().save(f"{model.folder}/model.txt", ContentFile(b"tree"))
    artifact_storage().save(f"{model.folder}/secret.txt", ContentFile(b"secret"))
    browser = browser_of(bob)
    answer = browser.get(f"/runs/{run.run_id}/files/model.txt")
    assert answer["Content-Disposition"] == 'attachment; filename="model.txt"'
    assert b"".join(answer.streaming_content) == b"tree"  # type: ignore[attr-defined]
    for name in ("secret.txt", "lost.txt", "..%2F..%2Fsecret_key", "nothing"):
        assert browser.get(f"/runs/{run.run_id}/files/{name}").status_code == 404
    assert "missing from the disk" in browser.get(f"/runs/{run.run_id}/files/lost.txt").text


def test_viewers_are_told_who_can_train_and_not_to_train(alice: User, bob: User, browser_of: BrowserOf) -> None:
    make_series("IBM", bars=5)
    told_to_train = re.compile("Train Mode|Train a universe|Train one")
    for path in ("/runs/", "/models/", "/trials/", "/trials/?symbol=IBM", "/trials/?universe=few", "/backtest/"):
        assert told_to_train.search(browser_of(alice).get(path).text) or path == "/trials/?symbol=IBM", path
        page = browser_of(bob).get(path).text
        assert not told_to_train.search(page[page.index("<main") : page.index("</main>")]), path
