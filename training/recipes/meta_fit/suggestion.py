"""What the meta-predictor suggests at a candle, or why it suggests nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from django.utils.module_loading import import_string

from training.models import MetaLook, StudyTrial
from training.quant.candle.spec import SEARCHED_RANGES, CandleSpec, SpecError, format_time
from training.quant.search.meta import LEAST_CANDLES, LEAST_TRIALS, NEAREST, TREES, MetaDataset
from training.recipes.candle.data import candle_data, candle_series
from training.recipes.meta_fit.data import meta_dataset, spec_with, state_at
from training.recipes.meta_fit.schema import SuggestedParams, Suggestion, claim_of, claim_text, counts_text

ADVISORS = {  # by name, since the trees need LightGBM, which web processes load when it is first asked for
    NEAREST: "training.quant.search.meta.nearest_trial",
    TREES: "training.quant.search.meta_trees.trees_trial",
}


def suggestion_for(spec: CandleSpec) -> Suggestion:
    """For the run that `spec` asks for: learnt from search trials whose last outcome was known at its candle, by the
    learner that did better at the last look. Raises SpecError where there is no such candle."""
    series, candle = candle_series(spec), spec.candle_at
    candle_data(series, spec)
    past = meta_dataset().known_at(int(candle.timestamp()))
    claim = claim_of(MetaLook.objects.last())
    suggested = None
    if past.has(trials=LEAST_TRIALS, candles=LEAST_CANDLES):
        learner = claim.learner if claim else NEAREST
        state = state_at(series, candle, train_years=spec.train_years)
        suggested = _suggested(int(past.trial[import_string(ADVISORS[learner])(past, state)]), learner)
    counts = counts_text(len(past.trial), past.candles)
    return Suggestion(
        suggested=suggested,
        trials=len(past.trial),
        candles=past.candles,
        seen_until=_last_outcome(past),
        claim=claim,
        sentence=f"Suggested: {params_text(suggested.params)} (from {counts}; {claim_text(claim)})"
        if suggested
        else f"Nothing is suggested: {counts} were over by {candle:%Y-%m-%d}; "
        f"{LEAST_TRIALS} of {LEAST_CANDLES} are needed",
    )


def suggested_spec(spec: CandleSpec) -> CandleSpec:
    """The run that `spec` asks for, with the suggested settings. Raises SpecError where nothing is suggested."""
    suggestion = suggestion_for(spec)
    if suggestion.suggested is None:
        raise SpecError({"detail": [suggestion.sentence]})
    with_params = spec_with(spec, suggestion.suggested.params)
    return replace(with_params, study_id=suggestion.suggested.study_id, seen_until=suggestion.seen_until)


def params_text(params: dict[str, float]) -> str:
    """Each with its label, in the order of the ranges."""
    shown = [f"{r.label} {params[name]:.3g}" for name, r in SEARCHED_RANGES.items() if name in params]
    return ", ".join(text if text[1].isdigit() else text[0].lower() + text[1:] for text in shown)  # L2 stays L2


def _suggested(trial_pk: int, learner: str) -> SuggestedParams:
    trial = StudyTrial.objects.select_related("study").get(pk=trial_pk)
    return SuggestedParams({**trial.params, "rounds": trial.rounds or 1}, trial.study.run_id, learner)


def _last_outcome(past: MetaDataset) -> str | None:
    if not len(past.trial):
        return None
    return format_time(datetime.fromtimestamp(int(np.max(past.seen_until)), tz=UTC))
