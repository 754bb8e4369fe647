"""The noise control of a universe run or a walk: on the returns of others its walk must find nothing."""

import pytest
from django.contrib.auth.models import User

from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carry
from tests.training.recipes.test_honest import trained
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.recipes.test_walk_forward import ask
from tests.training.universe import make_universe, trained_universe
from training.models import TrainingRun, Trial
from training.quant.candle.verdict import LEVEL, Label
from training.recipes.universe_control import execute
from training.recipes.universe_control.schema import ShuffledWalk, WalkFigures
from training.runs.services import follow_up_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_it_stands_beside_the_walk_that_judged_the_run(
    recipe: str, alice: User, api: ApiOf, browser_of: BrowserOf
) -> None:
    run = trained() if recipe == "honest" else trained_universe()
    carry_all()
    walk, p_value = run.jobs.get(), Trial.objects.get().p_value
    answer = api(alice).post(f"/api/training/runs/{run.run_id}/control").json()
    job = carry(TrainingRun.objects.get(run_id=answer["run_id"]))
    shown = api(alice).get(f"/api/training/runs/{job.run_id}").json()
    assert shown["real"] == {
        "rank_ic": walk.result["pooled"]["rank_ic"],
        "p_value": walk.result["rank_test"]["p_value"],
    }
    assert (shown["label"], shown["windows"], shown["days"]) == ("no_evidence", 4, walk.result["rank_test"]["days"])
    assert [one["seed"] for one in shown["shuffled"]] in ([42], [42, 43, 44, 45, 46])
    assert shown["shuffled"][0]["p_value"] != shown["real"]["p_value"]
    assert "With the returns of other instruments, of other days, the same walk shows" in shown["sentence"]
    assert Trial.objects.get().p_value == p_value  # it is no trial
    for page in (f"/runs/{run.run_id}/", f"/models/{run.result['version']}/"):
        text = browser_of(alice).get(page).text
        assert "Their own returns" in text and "returns, of other days" in text and "it shows a rank IC" in text
    again = carry(follow_up_create(verb="control", run=run, user=alice))
    assert again.result == job.result


def test_of_a_walk_by_itself_it_has_its_own_figures(alice: User) -> None:
    make_universe()
    walk = ask(alice)
    carry_all()
    walk.refresh_from_db()
    result = carry(follow_up_create(verb="control", run=walk, user=alice)).result
    assert result["real"]["p_value"] == walk.result["rank_test"]["p_value"] and result["windows"] == 3


def test_without_a_walk_there_is_nothing_to_hold_it_against(alice: User) -> None:
    run = trained_universe(confirm=False)
    result = carry(follow_up_create(verb="control", run=run, user=alice)).result
    assert result["real"] is None and "was not walked forward" in result["sentence"]


def test_of_a_history_too_short_it_says_so(alice: User) -> None:
    run = trained_universe(confirm=False, lookback_days=220)
    result = carry(follow_up_create(verb="control", run=run, user=alice)).result
    assert result["sentence"].startswith("Too little data for a walk-forward: ")


@pytest.mark.parametrize(
    ("p_values", "label", "words"),
    [
        ([0.4], Label.NO_EVIDENCE, "no evidence, as it must be"),
        ([0.03, 0.2, 0.6, 0.04, 0.9], Label.NO_EVIDENCE, "below 0.05 in 2 of 5 draws"),
        ([0.03, 0.01, 0.001, 0.2, 0.3], Label.EVIDENCE, "WHERE NOTHING IS"),
        ([None], Label.NO_EVIDENCE, "a rank IC of 0.010: no evidence"),
    ],
)
def test_luck_alone_accuses_nobody(p_values: list[float | None], label: Label, words: str) -> None:
    walks = [ShuffledWalk(seed=k, rank_ic=0.01, p_value=p) for k, p in enumerate(p_values)]
    reached = sum(p is not None and p < LEVEL for p in p_values)
    assert execute.label_of(reached, len(walks)) == label
    assert words in execute.shuffled_text(walks, reached, label)
    assert execute.real_text(WalkFigures(rank_ic=None, p_value=None)) == "With their own returns it shows no rank IC."
