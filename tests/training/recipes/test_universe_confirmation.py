"""A universe run is judged by its walk, which starts when the run has completed: its folds are runs of their own."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from tests.people import ApiOf, BrowserOf
from tests.training.recipes.test_walk_forward import carry_next
from tests.training.universe import carried_universe, make_universe, trained_universe
from training.evidence.universe import universe_verdicts
from training.models import Status, TrainingRun, Trial
from training.quant.universe.spec import UniverseSpec, parse_universe_spec
from training.quant.walk_forward.spec import WalkSpec, confirming_walk
from training.registry.gate import gate_checks, refusals
from training.runs.services import run_cancel, run_delete

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def carry_all() -> list[TrainingRun]:
    return list(iter(carry_next, None))


def test_it_is_judged_by_the_walk_that_follows_it(alice: User, api: ApiOf, browser_of: BrowserOf) -> None:
    run, program, browser = trained_universe(), api(alice), browser_of(alice)
    walk = run.jobs.get()
    assert (walk.kind, walk.config["step"], walk.counts) == ("walk_confirmation", 60, False)
    address = f"/api/training/runs/{run.run_id}"
    before = program.get(address).json()["verdict"]
    assert (before["label"], before["p_value"], before["confirmed"], before["windows"]) == (
        "no_evidence",
        None,
        False,
        0,
    )
    assert "its walk-forward is under way; on " in before["sentence"]
    assert "confirmed" in refusals(gate_checks(run.model_version))
    page = browser.get(f"/runs/{run.run_id}/", {"part": "verdict"}, headers={"HX-Request": "true"}).text
    assert "0 of 4 folds" in page and "data-poll" in page

    assert [one.kind for one in carry_all()] == ["fold"] * 4 + ["walk_confirmation"]
    after = program.get(address).json()["verdict"]
    assert (after["confirmed"], after["windows"], after["trial"], after["rows"]) == (True, 4, 1, 6 * after["days"])
    assert 0.0 < after["p_value"] <= 1.0 and after["p_value"] == Trial.objects.get().p_value
    assert after["smallest_ic"] > 0.0 and set(after["after_costs"]) == {"p_value", "sharpe"}
    assert (
        "over 239 days that none of its 4 models had seen" in after["sentence"] and "after costs" in after["sentence"]
    )
    assert "confirmed" not in refusals(gate_checks(run.model_version))
    shown = browser.get(f"/runs/{run.run_id}/").text
    assert f"/runs/{walk.run_id}/" in shown and 'hx-get="/runs' not in shown
    judged = program.get(f"/api/training/runs/{walk.run_id}").json()
    assert (judged["subject"], judged["verdict"], len(judged["folds"])) == (run.run_id, None, 4)
    assert run.run_id in browser.get(f"/runs/{walk.run_id}/").text


def test_the_same_again_is_the_same_trial_with_the_same_verdict() -> None:
    first = trained_universe()
    carry_all()
    again = carried_universe()
    carry_all()
    verdicts = universe_verdicts([first, again])
    assert verdicts[first.pk] == verdicts[again.pk] and Trial.objects.count() == 1


def told(*options: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("train", "--universe", "few", "--horizon", "5", *options, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.mark.django_db(transaction=True)
def test_the_command_waits_for_the_walk_unless_told_not_to() -> None:
    make_universe()
    confirmed = told()
    assert confirmed["verdict"]["confirmed"] and not TrainingRun.objects.exclude(status=Status.COMPLETED).exists()
    alone = told("--no-confirm")
    assert alone["params_hash"] == confirmed["params_hash"] and alone["model_hash"] == confirmed["model_hash"]
    assert not TrainingRun.objects.get(run_id=alone["run_id"]).jobs.exists()
    assert not alone["verdict"]["confirmed"] and "not confirmed by a walk-forward" in alone["verdict"]["sentence"]


def test_a_deleted_runs_walk_is_cancelled_with_its_folds(alice: User) -> None:
    run = trained_universe()
    run_delete(run=run, user=alice)
    assert set(TrainingRun.objects.exclude(pk=run.pk).values_list("status", flat=True)) == {Status.CANCELLED}
    assert carry_next() is None


def test_a_cancelled_walk_takes_its_folds_along_and_leaves_no_verdict(alice: User) -> None:
    run = trained_universe()
    run_cancel(run=run.jobs.get(), user=alice)
    assert carry_next() is None
    assert not universe_verdicts([run])[run.pk].confirmed


@pytest.mark.parametrize(("days", "folds"), [(2000, 10), (725, 10), (724, 9), (185, 1), (184, None)])
def test_it_walks_as_far_as_the_history_reaches(days: int, folds: int | None) -> None:
    walk = confirming_walk(UniverseSpec(horizon=20, embargo=5), days=days)
    assert (walk.folds if walk else None) == folds


def test_the_hash_is_that_of_before_and_tells_nothing_of_the_confirmation() -> None:
    spec, alone = (parse_universe_spec({"universe": "few", "confirm": confirm}) for confirm in (True, False))
    assert spec.params_hash() == alone.params_hash()
    assert WalkSpec(spec).params_hash() == WalkSpec(alone).params_hash()
