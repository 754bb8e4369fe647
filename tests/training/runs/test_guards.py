"""What can't be asked of a run of some kind is refused in a sentence: of a universe run, a walk, or a fold."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.people import ApiOf, BrowserOf
from tests.prepared import prepare
from tests.training.recipes.test_walk_forward import ask, carry_next, folds_of
from tests.training.universe import make_universe, trained_universe
from training.models import TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


@pytest.fixture
def runs(alice: User) -> dict[str, TrainingRun]:
    """One of each kind, with its result."""
    prepare("a universe run and a walk", _make_runs)
    TrainingRun.objects.update(created_by=alice)
    universe, walk = (TrainingRun.objects.get(kind=kind) for kind in ("universe", "walk"))
    return {"universe": universe, "walk": walk, "fold": folds_of(walk)[0]}


def _make_runs() -> None:
    trained_universe()
    ask()
    while carry_next():
        pass


def test_it_refuses_in_words(runs: dict[str, TrainingRun], dave: User, api: ApiOf, browser_of: BrowserOf) -> None:
    browser, program = browser_of(dave), api(dave)
    for kind, run in runs.items():
        for path in ("", "/columns", "/performance"):
            ask_it = program.get if path else program.post
            assert ask_it(f"/api/poc-predictions/{run.run_id}{path}").status_code == 404, kind
        for path in ("", "/cancel"):
            assert program.post(f"/api/training/poc-runs/{run.run_id}{path}").status_code in (404, 405), kind
        assert program.get(f"/api/training/poc-runs/{run.run_id}").status_code == 404
    with pytest.raises(CommandError, match="is a fold of a walk-forward run; runs of candles and universes"):
        call_command("verify_run", runs["fold"].run_id, stdout=io.StringIO())
    for kind, verbs in (("universe", ["confirm"]), ("walk", ["confirm"]), ("fold", ["confirm", "verify", "control"])):
        run = runs[kind]
        for verb in verbs:
            told = browser.post(f"/runs/{run.run_id}/{verb}", follow=True)
            assert told.status_code == 200 and "this can&#x27;t be asked of it" in told.text, (kind, verb)
        assert not run.jobs.exclude(kind="walk_confirmation").exists()
    for verb in ("verify", "control"):
        answer = program.post(f"/api/training/runs/{runs['fold'].run_id}/{verb}")
        assert answer.status_code == 409 and "can't be asked of it" in answer.json()["detail"]


def test_it_shows_every_page_that_they_may_be_on(
    runs: dict[str, TrainingRun], dave: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(dave)
    for kind, run in runs.items():
        for path, statuses in (
            ("/runs/{}/", (200, 302)),
            ("/runs/{}/?part=verdict", (200, 302)),
            ("/runs/{}/?in=dialog", (200, 302)),
            ("/training/new/?from={}", (200,)),
            ("/runs/compare?runs={}", (200, 302, 400, 404)),
            ("/predictions/records/{}", (404,)),
            ("/backtest/?models={}", (200, 404)),
            ("/admin/training/trainingrun/?q={}", (200,)),
        ):
            answer = browser.get(path.format(run.run_id), headers={"HX-Request": "true"} if "part" in path else {})
            assert answer.status_code in statuses, (kind, path, answer.status_code)
    for path in ("/runs/", "/workers/", "/models/", "/trials/", "/api/training/runs", "/api/training/poc-runs"):
        assert browser.get(path).status_code == 200


def test_it_cancels_and_deletes_them_over_the_api(alice: User, bob: User, api: ApiOf) -> None:
    make_universe()
    walk = ask(alice)
    address = f"/api/training/runs/{walk.run_id}"
    assert api(alice).delete(address).status_code == 409
    assert api(bob).post(f"{address}/cancel").status_code == 403
    assert api(alice).post(f"{address}/cancel").json()["status"] == "cancelled"
    assert api(alice).post(f"{address}/cancel").status_code == 409
    assert {fold.status for fold in folds_of(walk)} == {"cancelled"}
    fold = f"/api/training/runs/{folds_of(walk)[0].run_id}"
    assert api(alice).delete(fold).status_code == api(alice).patch(fold, {"name": "x"}).status_code == 404
    assert api(alice).delete(address).status_code == 204 and api(alice).get(address).status_code == 404
