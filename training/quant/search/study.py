"""A study: configurations tried one after another, and what is taken of them. PROTOCOL §7.2.

Without a clock: whoever iterates over the trials says when it is enough, and keeps them, so that a study that was
stopped goes on from what it has to the same end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np

from training.quant.candle.spec import CandleSpec
from training.quant.search.names import YOURS
from training.quant.search.sampler import Sampler, Space
from training.quant.search.score import FoldScore, Score, Scorer
from training.quant.search.winner import Gain, choose, paired_gain

PATIENCE = 25  # trials without gain
PARAMS = ("learning_rate", "num_leaves", "max_depth", "min_child_samples", "lambda_l2", "columns")


@dataclass(frozen=True)
class SearchTrial:
    """One configuration that was tried: `params` as `run-poc` takes them, without rounds. A failed one has no score."""

    number: int
    params: dict[str, float]
    rounds: int | None = None
    log_loss: float | None = None
    auc: float | None = None
    folds: tuple[FoldScore, ...] = ()


@dataclass(frozen=True)
class Study:
    """What is searched, for the run that `spec` asks for. `most`: trials at most."""

    spec: CandleSpec
    space: Space
    scorer: Scorer
    most: int

    def trials(self, before: Sequence[SearchTrial] = ()) -> Iterator[SearchTrial]:
        """Those that come after `before`, up to the 25th without gain: first the user's values and the defaults, then
        what the sampler says."""
        trials, sampler = [*before], Sampler(self.space)
        for trial in before:
            sampler.add(trial.params, trial.log_loss)
        first = self._first()
        while len(trials) < self.most and not is_exhausted(trials):
            number = len(trials)
            if number < len(first):
                trial = self._try(number, first[number])
                sampler.add(trial.params, trial.log_loss)
            else:
                asked = sampler.ask()
                trial = self._try(number, params_of(self.spec) | asked.params)
                sampler.tell(asked, trial.log_loss)
            trials.append(trial)
            yield trial

    def spec_of(self, trial: SearchTrial) -> CandleSpec:
        """The run that a trial would make."""
        return self._spec(trial.params, trial.rounds)

    def importance(self, trials: Sequence[SearchTrial]) -> dict[str, float]:
        """Share of each searched parameter in what made trials differ; empty before there are ten to compare."""
        sampler = Sampler(self.space)
        for trial in trials:
            sampler.add(trial.params, trial.log_loss)
        return sampler.importance()

    def conclude(self, trials: Sequence[SearchTrial]) -> "Conclusion":
        """The best of `trials`, the first of which is the user's values, and `steady` beside them."""
        steady = self.scorer.steady()
        best = best_of(trials)
        if best is None or trials[0].rounds is None:
            return Conclusion(best, steady, YOURS, None, None)
        user, found = (self._score(trial) for trial in (trials[0], best))
        return Conclusion(
            best=best,
            steady=steady,
            taken=choose(user=user.losses, found=found.losses, steady=steady.losses),
            gain=paired_gain(user.losses, found.losses),
            steady_gain=paired_gain(user.losses, steady.losses),
        )

    def _first(self) -> list[dict[str, float]]:
        """The user's values, and the defaults of what is searched where they differ."""
        user, defaults = params_of(self.spec), params_of(CandleSpec(candle="", symbol=""))
        usual = {name: value for name, value in user.items() if name not in self.space}
        usual |= {name: value for name, value in defaults.items() if name in self.space}
        return [user, usual] if usual != user else [user]

    def _try(self, number: int, params: dict[str, float]) -> SearchTrial:
        try:
            score = self.scorer.score(self._spec(params, None))
        except lightgbm.basic.LightGBMError:
            return SearchTrial(number, params)
        if not np.isfinite(score.log_loss):
            return SearchTrial(number, params)
        return SearchTrial(number, params, score.rounds, score.log_loss, score.auc, score.folds)

    def _score(self, trial: SearchTrial) -> Score:
        return self.scorer.score(self.spec_of(trial))

    def _spec(self, params: dict[str, float], rounds: int | None) -> CandleSpec:
        absent: dict[str, Any] = {"lambda_l2": None, "columns": None}
        return replace(self.spec, **(absent | params), rounds=rounds)


@dataclass(frozen=True)
class Conclusion:
    """What a study comes to. `best` is None where all trials failed, the gains where the user's values did."""

    best: SearchTrial | None
    steady: Score
    taken: str
    gain: Gain | None
    steady_gain: Gain | None


def params_of(spec: CandleSpec) -> dict[str, float]:
    """Those of a spec that a search may change, without what is absent."""
    values = {name: getattr(spec, name) for name in PARAMS}
    return {name: value for name, value in values.items() if value is not None}


def best_of(trials: Sequence[SearchTrial]) -> SearchTrial | None:
    """The one with the lowest log-loss, the first of equal ones; None where all failed."""
    scored = [trial for trial in trials if trial.log_loss is not None]
    return min(scored, key=lambda trial: trial.log_loss or 0.0, default=None)


def is_exhausted(trials: Sequence[SearchTrial]) -> bool:
    """Whether the last 25 brought no gain."""
    best = best_of(trials)
    return len(trials) - (best.number + 1 if best else 0) >= PATIENCE
