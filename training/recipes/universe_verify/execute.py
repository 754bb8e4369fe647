"""A universe run or a walk trained again from what is stored, and what came of it in a sentence."""

from typing import Any

from django.db.models import QuerySet

from boursomatic.shared.records import to_json
from instruments.models import Series, Timeframe
from training.models import TrainingRun
from training.quant.candle.plan import NotTrainable
from training.quant.candle.spec import SpecError
from training.quant.stats.threads import on_threads
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.base import Completed, Work
from training.recipes.universe.about import subject_spec
from training.recipes.universe_verify.again import Again, OnStage, run_again, walk_again
from training.recipes.verification.execute import RULE_CHANGED_IN
from training.recipes.verification.since import changed_since, untrainable
from training.recipes.verification.then import changes_text, on_bars_then, unrecorded_text

NAMED = 5  # instruments whose bars changed, at most


def execute(work: Work) -> Completed:
    """The run's subject trained again."""
    assert work.run.subject is not None
    with on_threads(work.cores()):
        return Completed(result=universe_verification(work.run.subject, work.progress.stage))


def universe_verification(run: TrainingRun, on_stage: OnStage) -> dict[str, Any]:
    """PROTOCOL §5: as `verification` of a candle run. Identical means splits, SHA-256 of the models' texts, and every
    figure; of a walk, every prediction of its folds. `differs` names what has changed since and what came out
    otherwise."""
    spec = subject_spec(run.config)
    try:
        again = walk_again(run, spec, on_stage) if isinstance(spec, WalkSpec) else run_again(run, spec, on_stage)
    except (SpecError, NotTrainable) as error:
        return untrainable(error)
    changed = changed_since(run, params_hash=spec.params_hash(), is_other_data=again.is_other_data)
    identical = not again.unlike and not again.is_other_data
    return {
        "identical": identical,
        "differs": [*changed, *again.unlike],
        "truncation_identical": again.holds,
        "model_hash": again.model_hash,
        "sentence": f"{_sameness(run, again, changed, identical=identical)} {_truncation(again)}",
        "bars_changed": to_json(again.bars_changed),
    }


def _sameness(run: TrainingRun, again: Again, changed: list[str], *, identical: bool) -> str:
    since = ", ".join(name.replace("_", " ") for name in changed)
    what = "models, splits and figures" if again.model_hash else "predictions of every fold"
    then = f" {on_bars_then(again.bars_changed)}" if again.bars_changed else ""
    told = f" {changes_text(again.bars_changed)}" if again.bars_changed else ""
    if identical:
        although = f" (although the {since} changed)." if changed else "."
        return f"Bit-identical{then}: training again gives the same {what}{although}{told}"
    if _is_by_old_rule(run):
        return (
            f"The rule for outcomes changed in release {RULE_CHANGED_IN}, after this run: stale bars are no candles, "
            "and a series that ends realises its last close. A run of today can't give the same figures; train again."
        )
    if not changed:
        return (
            f"Differs{then} in {' and '.join(again.unlike)}, although data, code, libraries and parameters are the "
            f"same: please report this.{told}"
        )
    came = f"; {' and '.join(again.unlike)} are not what they were" if again.unlike else ""
    lost = unrecorded_text(run, _series_of(again)) if again.is_other_data else ""
    return f"Differs: since this run the {since} changed{_bars(again)}{came}.{told}{lost}"


def _bars(again: Again) -> str:
    if not again.symbols_changed:
        return ""
    more = len(again.symbols_changed) - NAMED
    return f" (bars of {', '.join(again.symbols_changed[:NAMED])}{f' and {more} more' if more > 0 else ''})"


def _series_of(again: Again) -> QuerySet[Series]:
    return Series.objects.filter(instrument__symbol__in=again.symbols_changed, timeframe=Timeframe.DAY)


def _truncation(again: Again) -> str:
    speaker = "the tested model" if again.model_hash else "what the last fold says that day"
    if again.holds:
        return (
            f"Cutting off every bar after {again.last} changes nothing that was learnt from, and other prices after "
            f"{again.fitted_until} change nothing in {speaker}."
        )
    return (
        f"Cutting off the bars after {again.last}, or changing those after {again.fitted_until}, CHANGES {speaker}: it "
        "has seen the future. Do not trust it."
    )


def _is_by_old_rule(run: TrainingRun) -> bool:
    """Runs of before the rule name an earlier release; walks of then have no rank test either."""
    made_with = run.detail.get("made_with")
    if made_with is None:
        return "rank_test" not in run.result
    release = made_with["code_version"].partition("+")[0]
    return _numbers(release) < _numbers(RULE_CHANGED_IN)


def _numbers(release: str) -> list[int]:
    return [int(number) for number in release.split(".") if number.isdecimal()]
