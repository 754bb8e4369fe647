"""Names, notes, tags and pins: who may write them, what is taken, where they are shown."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Scope
from tests.market import make_series
from tests.people import ApiOf, BrowserOf
from tests.training.run_builders import make_run
from training.models import Status, TrainingRun
from training.runs.annotations import Annotations, annotations_of

pytestmark = pytest.mark.db_both
HTMX = {"HX-Request": "true"}
BOTH = ["/api/training/poc-runs", "/api/training/runs"]


def words(run: TrainingRun) -> Annotations:
    return annotations_of(TrainingRun.objects.get(pk=run.pk))


@pytest.mark.parametrize("address", BOTH)
def test_it_changes_only_what_is_named(alice: User, api: ApiOf, address: str) -> None:
    run, program = make_run(alice, series=make_series(bars=5)), api(alice)
    empty = program.get(f"{address}/{run.run_id}").json()
    assert (empty["name"], empty["notes"], empty["tags"], empty["pinned"]) == ("", "", [], False)
    body = {"name": " Été ", "notes": "one\r\ntwo", "tags": ["b", "A", "a"], "pinned": True}
    answer = program.patch(f"{address}/{run.run_id}", body)
    assert answer.status_code == 200
    answer = program.patch(f"{address}/{run.run_id}", {"tags": ["a", "c-1.x"]}).json()
    assert (answer["name"], answer["notes"], answer["pinned"]) == ("Été", "one\ntwo", True)
    assert answer["tags"] == ["a", "c-1.x"] == program.get(address).json()[0]["tags"]
    said = AuditEntry.objects.filter(action="run.describe", subject=run.run_id).order_by("id")
    assert [entry.details["fields"] for entry in said] == [["name", "notes", "pinned", "tags"], ["tags"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "detail"),
        ([], "detail"),
        ({"colour": "red"}, "colour"),
        ({"status": "completed"}, "status"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "turned \u202e round"}, "name"),
        ({"notes": "x" * 4001}, "notes"),
        ({"notes": "bell \x07"}, "notes"),
        ({"tags": "a"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": ["two words"]}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"tags": ["-a"]}, "tags"),
        ({"tags": ["x" * 31]}, "tags"),
        ({"tags": [f"t{i}" for i in range(11)]}, "tags"),
        ({"pinned": 1}, "pinned"),
        ({"pinned": "true"}, "pinned"),
    ],
)
def test_it_refuses_what_it_does_not_take(alice: User, api: ApiOf, body: Any, field: str) -> None:
    run = make_run(alice)
    answer = api(alice).patch(f"{BOTH[0]}/{run.run_id}", body)
    assert answer.status_code == 400 and list(answer.json()) == [field]
    assert words(run) == Annotations()


def test_it_lets_trainers_describe_their_own_runs_and_managers_anyones(
    alice: User, bob: User, carol: User, api: ApiOf
) -> None:
    hers, his = make_run(carol), make_run(alice)
    body = {"name": "mine"}
    assert api(bob).patch(f"{BOTH[1]}/{his.run_id}", body).status_code == 403
    assert api(alice, [Scope.READ]).patch(f"{BOTH[1]}/{his.run_id}", body).status_code == 403
    refused = api(alice).patch(f"{BOTH[1]}/{hers.run_id}", body)
    assert refused.status_code == 403 and "carol's" in refused.json()["detail"]
    assert api(carol).patch(f"{BOTH[1]}/{his.run_id}", body).status_code == 200
    assert words(his).name == "mine" and words(hers) == Annotations()


def test_it_describes_no_deleted_run_and_no_job(alice: User, api: ApiOf) -> None:
    gone = make_run(alice, status=Status.COMPLETED, deleted_at=timezone.now())
    job = make_run(alice, kind="confirmation", subject=make_run(alice, status=Status.COMPLETED))
    for run in (gone, job):
        assert api(alice).patch(f"{BOTH[1]}/{run.run_id}", {"name": "x"}).status_code == 404


def test_its_page_has_a_form_that_works_without_javascript(alice: User, bob: User, browser_of: BrowserOf) -> None:
    run = make_run(alice, status=Status.FAILED)
    browser, address = browser_of(alice), f"/runs/{run.run_id}/words"
    assert "Add a name, notes, tags" in browser.get(f"/runs/{run.run_id}/").text
    answer = browser.post(address, {"name": "<b>bold</b>", "notes": "a\nb", "tags": "x, Y  z"})
    assert answer["Location"] == f"/runs/{run.run_id}/"
    assert words(run) == Annotations("<b>bold</b>", "a\nb", ("x", "y", "z"), pinned=False)
    page = browser.get(f"/runs/{run.run_id}/").text
    assert "&lt;b&gt;bold" in page and "a<br>b" in page and "/runs/?tag=y" in page
    wrong = browser.post(address, {"name": "x" * 81, "notes": "kept as typed", "tags": "?"})
    assert wrong.status_code == 400
    assert "up to 80 characters" in wrong.text and "A tag is" in wrong.text and "kept as typed" in wrong.text
    fragment = browser.post(address, {"pinned": "yes"}, headers=HTMX)
    assert "<html" not in fragment.text and 'aria-pressed="true"' in fragment.text
    assert words(run) == Annotations("<b>bold</b>", "a\nb", ("x", "y", "z"), pinned=True)
    seen = browser_of(bob).get(f"/runs/{run.run_id}/").text
    assert "Pinned" in seen and "annotations-name" not in seen
    assert browser_of(bob).post(address, {"name": "x"}).status_code == 403
    assert browser.post("/runs/nothing/words", {"name": "x"}).status_code == 404
    assert browser.post(address, {"pinned": "maybe"}).status_code == 400
