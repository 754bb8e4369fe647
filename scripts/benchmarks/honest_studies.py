"""Runs whose settings were searched for first, on noise: does a study make luck look like skill?"""

from dataclasses import replace
from datetime import UTC, datetime

from scripts.benchmarks.markets import market
from training.quant.candle.confirm import confirm_candle
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.search.names import FOUND, STEADY
from training.quant.search.plan import plan_study
from training.quant.search.score import Scorer, steady_spec
from training.quant.search.study import Study
from training.recipes.study.spec import SPACE

BARS, DECISION, WINDOW = 1_500, 1_400, 35
TRIALS, FOLDS = 60, 3


def tuned_noise(seed: int) -> tuple[float, str]:
    """(pooled p, what the study took) of a run that a study of 60 trials came before, as the product does it: judged
    by the windows that the study has not seen."""
    bars = market(BARS, seed=seed).slice(0, DECISION + WINDOW + 1)
    candle = format_time(datetime.fromtimestamp(int(bars.time[DECISION]), tz=UTC))
    spec = CandleSpec(candle=candle, symbol="NOISE", test_window_size=WINDOW)
    plan = plan_study(bars, decision=DECISION, spec=spec, folds=FOLDS)
    study = Study(spec, SPACE, Scorer(bars, plan=plan, spec=spec), TRIALS)
    conclusion = study.conclude(list(study.trials()))
    run = spec
    if conclusion.taken == STEADY:
        run = steady_spec(spec)
    elif conclusion.taken == FOUND and conclusion.best is not None:
        run = study.spec_of(conclusion.best)
    pooled = confirm_candle(
        bars,
        decision=DECISION,
        spec=replace(run, candle=candle),
        on_window=lambda *_: None,
        seen_until=int(plan.seen_until.timestamp()),
    ).pooled
    assert pooled is not None
    return pooled.p_value, conclusion.taken
