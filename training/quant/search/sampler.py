"""Which configuration a study tries next: TPE (Bergstra et al. 2011; multivariate: Falkner et al. 2018) by Optuna.

Optuna is used as a pure function over the study's own trials, in memory: its storages cost 154 ms a trial on SQLite.
"""

import warnings
from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import Trial, TrialState, create_trial

from training.quant.candle.spec import SEARCHED_RANGES
from training.quant.search.names import LINEAR

Space = Mapping[str, tuple[float, float]]  # parameter -> lowest and highest value
Params = Mapping[str, float]
WITHOUT = {"lambda_l2": 0.0, "columns": 1.0}  # what LightGBM does where the parameter is absent
FIRST_SEED = 42
LEAST_COMPARED = 10  # trials of different log-loss, before the importance of parameters says anything

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Sampler:
    """Asks Optuna over the trials that it was told of. The same trials in the same order give the same answer, whether
    they were asked of it or added."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.distributions = {name: _distribution(name, *bounds) for name, bounds in space.items()}
        self.study = optuna.create_study()
        self.number = 0  # of the next trial

    def add(self, params: Params, log_loss: float | None) -> None:
        """A finished trial that was not asked of it; None: it failed. What lies outside the space counts as its
        nearest point."""
        values = {**WITHOUT, **params}
        inside = {name: min(max(values[name], low), high) for name, (low, high) in self.space.items()}
        state = TrialState.FAIL if log_loss is None else TrialState.COMPLETE
        self.study.add_trial(create_trial(state=state, value=log_loss, params=inside, distributions=self.distributions))
        self.number += 1

    def ask(self) -> Trial:
        """Trial n by a new sampler of seed 42 + n over those before it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
            self.study.sampler = TPESampler(seed=FIRST_SEED + self.number, multivariate=True)
        return self.study.ask(self.distributions)

    def tell(self, trial: Trial, log_loss: float | None) -> None:
        """How the trial that was asked for has ended."""
        self.study.tell(trial, log_loss, state=TrialState.FAIL if log_loss is None else TrialState.COMPLETE)
        self.number += 1

    def importance(self) -> dict[str, float]:
        """Share of each parameter, by PED-ANOVA (Watanabe et al. 2023); empty before there are ten trials with a
        log-loss to compare."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in complete}) < LEAST_COMPARED:
            return {}
        return dict(optuna.importance.get_param_importances(self.study))


def _distribution(name: str, low: float, high: float) -> BaseDistribution:
    if SEARCHED_RANGES[name].whole:
        return IntDistribution(int(low), int(high), log=name not in LINEAR)
    return FloatDistribution(low, high, log=name not in LINEAR)
