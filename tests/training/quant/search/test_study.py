"""The course of a study."""

from collections.abc import Iterator
from itertools import islice

import pytest

from instruments.quant.bars import Bars
from tests.training.quant.noise import noise_bars
from tests.training.quant.search.test_plan import BARS, DECISION, planned, spec_at
from training.quant.search.sampler import Sampler
from training.quant.search.score import Scorer
from training.quant.search.study import PATIENCE, SearchTrial, Study, is_exhausted, params_of
from training.recipes.study.spec import SPACE

SMALL = {"num_leaves": (2.0, 8.0), "lambda_l2": (1.0, 100.0), "learning_rate": (0.05, 0.2)}


def study_of(
    bars: Bars = BARS, *, most: int = 14, space: dict[str, tuple[float, float]] = SMALL, **more: object
) -> Study:
    spec = spec_at(bars, DECISION, **more)
    return Study(spec, space, Scorer(bars, plan=planned(bars, folds=2), spec=spec), most)


@pytest.fixture(scope="module")
def trials() -> list[SearchTrial]:
    return list(study_of().trials())


def test_it_is_the_same_again_and_from_wherever_it_was_interrupted(trials: list[SearchTrial]) -> None:
    assert [trial.number for trial in trials] == list(range(14))
    assert list(study_of().trials()) == trials
    for done in (1, 11, 14):  # before and after the sampler knows enough to model
        assert [*trials[:done], *study_of().trials(trials[:done])] == trials
    conclusions = [study_of().conclude(trials) for _ in range(2)]
    assert conclusions[0].best == conclusions[1].best and conclusions[0].gain == conclusions[1].gain


def test_only_what_is_searched_changes_and_only_within_its_bounds(trials: list[SearchTrial]) -> None:
    user = params_of(spec_at(BARS, DECISION))
    assert trials[0].params == user
    for trial in trials[1:]:
        assert set(trial.params) == {*user, "lambda_l2"}
        assert trial.params["max_depth"] == user["max_depth"]
        assert all(low <= trial.params[name] <= high for name, (low, high) in SMALL.items())
        assert trial.rounds is not None and 1 <= trial.rounds <= 200
    assert len({str(trial.params) for trial in trials}) == len(trials)


def test_the_defaults_come_second_where_they_are_not_the_users() -> None:
    study = study_of(num_leaves=63, max_depth=12, lambda_l2=3.0)
    first, second = islice(study.trials(), 2)
    assert first.params["num_leaves"] == 63 and first.params["max_depth"] == 12 and first.params["lambda_l2"] == 3.0
    assert second.params == params_of(spec_at(BARS, DECISION)) | {"max_depth": 12}


def test_it_stops_after_25_without_gain() -> None:
    gains = [SearchTrial(number, {}, 1, 1.0 - 0.1 * min(number, 3)) for number in range(40)]
    assert not is_exhausted(gains[: 4 + PATIENCE - 1]) and is_exhausted(gains[: 4 + PATIENCE])
    failed = [SearchTrial(number, params_of(spec_at(BARS, DECISION))) for number in range(PATIENCE)]
    assert is_exhausted(failed) and not is_exhausted(failed[1:])
    assert list(study_of(most=60).trials(failed)) == []


def test_where_all_failed_or_yours_did_yours_are_kept(trials: list[SearchTrial]) -> None:
    failed = [SearchTrial(number, params_of(spec_at(BARS, DECISION))) for number in range(3)]
    conclusion = study_of().conclude(failed)
    assert (conclusion.taken, conclusion.best, conclusion.gain) == ("yours", None, None)
    conclusion = study_of().conclude([failed[0], *trials[1:]])
    assert conclusion.taken == "yours" and conclusion.best is not None and conclusion.gain is None


def test_it_finds_fewer_leaves_where_they_help_and_says_which_parameter_mattered() -> None:
    bars = noise_bars(700, seed=2, planted=1.0)
    study = study_of(bars, num_leaves=63, learning_rate=0.2, min_child_samples=10)
    trials = list(study.trials())
    conclusion = study.conclude(trials)
    assert conclusion.taken == "found" and conclusion.gain is not None and conclusion.gain.is_real
    assert conclusion.best is not None and conclusion.best.params["num_leaves"] <= 8
    importance = study.importance(trials)
    assert set(importance) == set(SMALL) and sum(importance.values()) == pytest.approx(1)
    assert study.importance(trials[:3]) == {}


def test_the_sampler_answers_alike_whether_trials_were_asked_of_it_or_added() -> None:
    def losses(number: int) -> float | None:
        return None if number % 5 == 3 else 1.0 / (number + 1)

    def added(trials: list[tuple[dict[str, float], float | None]]) -> Sampler:
        sampler = Sampler(SPACE)
        for params, loss in trials:
            sampler.add(params, loss)
        return sampler

    def course() -> Iterator[dict[str, float]]:
        sampler = Sampler(SPACE)
        for number in range(20):
            trial = sampler.ask()
            yield trial.params
            sampler.tell(trial, losses(number))

    params = list(course())
    for number in (0, 5, 13, 19):
        again = added([(params[earlier], losses(earlier)) for earlier in range(number)])
        assert again.ask().params == params[number]
    assert all(low <= each[name] <= high for each in params for name, (low, high) in SPACE.items())


def taken_on(bars: Bars) -> str:
    study = study_of(bars, most=12, space=SPACE)
    return study.conclude(list(study.trials())).taken


@pytest.mark.slow
def test_on_noise_it_nearly_always_keeps_yours() -> None:
    taken = [taken_on(noise_bars(700, seed=seed)) for seed in range(4)]
    assert taken.count("yours") >= 3
