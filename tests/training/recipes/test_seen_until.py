"""What a search has seen proves nothing of what it found: PROTOCOL §7.1."""

import pytest
from django.contrib.auth.models import User

from instruments.models import Series
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.training.carrying import carried
from tests.training.evidence.test_candle import carry_job, confirmation_of
from training.models import Searched, Trial
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import CandleSpec, SpecError, parse_time
from training.runs.as_json import run_json
from training.runs.services import follow_up_create, run_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY = {"candle_date": candle(560), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20}
OTHER = {"params": {"num_leaves": 15}}


def searched(series: Series, body: dict[str, object], until: str, run_id: str = "a_study") -> None:
    Searched.objects.create(
        series=series, params_hash=spec_of(body).params_hash(), seen_until=parse_time(until), run_id=run_id
    )


def spec_of(body: dict[str, object]) -> CandleSpec:
    return parse_candle_spec(body)


def test_windows_that_the_search_saw_are_shown_and_not_pooled(alice: User, browser_of: BrowserOf, api: ApiOf) -> None:
    make_series()
    run = carried({**BODY, "seen_until": candle(530)})
    carry_job(confirmation_of(run))
    answer = api(alice).get(f"/api/training/poc-runs/{run.run_id}").json()
    assert answer["seen_until"] == candle(530)
    windows = answer["confirmation"]["windows"]
    assert [window["seen"] for window in windows[-3:]] == [True, False, False]
    assert answer["verdict"]["rows"] == 40 and answer["verdict"]["windows"] == 2
    assert answer["verdict"]["label"] != "evidence"
    assert "not pooled" in browser_of(alice).get(f"/runs/{run.run_id}/").text


def test_a_run_whose_own_window_was_seen_has_no_p_value_until_new_outcomes_are_there(
    alice: User, browser_of: BrowserOf
) -> None:
    make_series()
    run = carried({**BODY, "seen_until": candle(570)})
    assert not run.jobs.exists()
    verdict = run_json(run)["verdict"]
    assert (verdict["p_value"], verdict["label"], verdict["trial"]) == (None, "no_evidence", 1)
    assert f"nothing unseen to judge it by before {candle(570)[:10]}" in verdict["sentence"]
    assert run_json(run)["test_metrics"]["auc"] is not None
    assert "It can be confirmed once" in browser_of(alice).get(f"/runs/{run.run_id}/").text

    job = carry_job(follow_up_create(verb="confirm", run=run, user=alice))
    assert [window["decision"] for window in job.result["windows"] if not window["seen"]] == [candle(570)]
    verdict = run_json(run)["verdict"]
    assert verdict["rows"] == 20 and verdict["label"] != "evidence" and verdict["p_value"] is not None
    assert follow_up_create(verb="confirm", run=run, user=alice) == job


def test_a_late_confirmation_has_all_windows_that_have_come_since(alice: User) -> None:
    make_series(bars=700)
    run = carried({**BODY, "seen_until": candle(590)})
    job = carry_job(follow_up_create(verb="confirm", run=run, user=alice))
    unseen = [window["decision"] for window in job.result["windows"] if not window["seen"]]
    assert unseen == [candle(590 + 20 * number) for number in range(5)]
    assert run_json(run)["verdict"]["rows"] == 100


def test_its_confirmation_is_refused_while_too_little_has_happened_(alice: User) -> None:
    make_series()
    run = carried({**BODY, "seen_until": candle(590)})
    job = follow_up_create(verb="confirm", run=run, user=alice)
    with pytest.raises(SpecError, match=f"judge it by before {candle(590)}: since then there are 9 outcomes"):
        carry_job(job)


def test_settings_that_a_search_tried_carry_what_it_saw_however_they_are_typed() -> None:
    series, elsewhere = make_series(), make_series(symbol="QQQ")
    searched(series, {**BODY, **OTHER}, candle(530))
    defaults = {"candle_date": candle(560), "symbol": "SPY"}
    searched(series, defaults, candle(530))  # they are nobody's finding
    assert run_create(spec=spec_of({**BODY, **OTHER}), user=None).seen_until == parse_time(candle(530))
    assert run_create(spec=spec_of(defaults), user=None).seen_until is None
    assert (
        run_create(spec=spec_of({**BODY, **OTHER, "symbol": str(elsewhere.instrument)}), user=None).seen_until is None
    )
    later = run_create(spec=spec_of({**BODY, **OTHER, "seen_until": candle(540)}), user=None)
    assert later.seen_until == parse_time(candle(540))


def test_params_outside_their_ranges_come_with_the_study_that_tried_them() -> None:
    series = make_series()
    wide = {**BODY, "params": {"num_leaves": 3, "min_child_samples": 150, "lambda_l2": 30.0, "rounds": 25}}
    with pytest.raises(SpecError, match="num_leaves"):
        spec_of(wide)
    with pytest.raises(SpecError, match="There is no completed search a_study"):
        run_create(spec=spec_of({**wide, "study_id": "a_study"}), user=None)
    searched(series, BODY, candle(500))
    with pytest.raises(SpecError, match="not tried by a_study"):
        run_create(spec=spec_of({**wide, "study_id": "a_study"}), user=None)
    searched(series, {**wide, "study_id": "a_study"}, candle(500), "b_study")
    run = run_create(spec=spec_of({**wide, "study_id": "b_study"}), user=None)
    assert run.seen_until == parse_time(candle(500))


def test_given_rounds_are_fitted_on_all_training_rows_without_validation() -> None:
    make_series()
    params = {"rounds": 12, "lambda_l2": 5.0, "columns": 0.5}
    run = carried({**BODY, "params": params, "confirm": False})
    answer = run_json(run)
    assert {name: answer["config"]["params"][name] for name in params} == params
    assert answer["splits"]["validation"]["rows"] == 0 and answer["validation_metrics"]["auc"] is None
    assert run.detail["best_round"] == 12
    assert run.params_hash != spec_of(BODY).params_hash()
    assert Trial.objects.count() == 1


@pytest.mark.parametrize("params", [{"rounds": 0}, {"columns": 0.2}, {"lambda_l2": 301}, {"rounds": 2.5}])
def test_it_refuses_what_no_search_would_try(params: dict[str, float]) -> None:
    with pytest.raises(SpecError, match=next(iter(params))):
        spec_of({**BODY, "params": params})


@pytest.mark.parametrize("more", [{"protocol": "steady"}, {"model": "logistic"}])
def test_they_are_settings_of_trees_that_can_be_chosen(more: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="lambda_l2"):
        spec_of({**BODY, **more, "params": {"lambda_l2": 1.0}})
