"""A fit of the meta-predictor carried out: states of new studies, new pairs with `steady`, and a look at all pairs."""

from datetime import UTC, datetime

import numpy as np
from django.db import IntegrityError
from django.db.models import Model
from django.utils import timezone

from boursomatic.shared.records import to_json
from training.models import MetaLook, MetaPair, StudyTrial, TrainingRun
from training.quant.candle.spec import CandleSpec, format_time, parse_time
from training.quant.search.meta import LEARNERS, PAIR_CANDLES, PAIR_TRIALS, MetaDataset
from training.quant.search.meta_pairs import ADVISORS, PairScores, meta_claim, pair_scores
from training.quant.search.score import steady_spec
from training.quant.stats.multiple_testing import trial_level
from training.recipes.base import Completed, Work
from training.recipes.meta_fit.data import learnable, meta_dataset, spec_with, state_at, state_row
from training.recipes.meta_fit.schema import MetaFitResult, claim_of, claim_text, counts_text
from training.recipes.study.data import study_data
from training.recipes.study.schema import StudyResult
from training.recipes.study.spec import StudySpec


def execute(work: Work) -> Completed:
    """Each row is written when it is done, so that a fit that lost its worker goes on from there."""
    _states(work)
    data = meta_dataset()
    _pairs(work, data)
    work.progress.stage("look", 0.95, "all pairs together, once a month at most")
    claim = claim_of(_look(work))
    pairs = MetaPair.objects.count()
    seen_until = format_time(datetime.fromtimestamp(int(data.seen_until.max()), tz=UTC)) if len(data.trial) else None
    over = f" over {claim.rows:,} candles that nobody had seen" if claim else ""
    sentence = f"Learnt from {counts_text(len(data.trial), data.candles)}; {claim_text(claim)}{over}."
    result = MetaFitResult(
        sentence=sentence,
        trials=len(data.trial),
        candles=data.candles,
        pairs=pairs,
        seen_until=seen_until,
        claim=claim,
    )
    return Completed(result=to_json(result))


def _states(work: Work) -> None:
    """Of studies of before they stored their own."""
    studies = list(learnable().filter(meta_state=None))
    for number, study in enumerate(studies):
        work.progress.stage("states", 0.1 * number / len(studies), f"study {number + 1} of {len(studies)}")
        candle = parse_time(StudyResult.read(study.result).decision)
        _write(work, state_row(study, candle, train_years=StudySpec.from_dict(study.config).run.train_years))


def _pairs(work: Work, data: MetaDataset) -> None:
    """Of studies that have none: one is made once, and never again from what came later."""
    studies = list(learnable().exclude(run_id__in=MetaPair.objects.values("study_id")))
    for number, study in enumerate(studies):
        work.progress.stage("pairs", 0.1 + 0.85 * number / len(studies), f"study {number + 1} of {len(studies)}")
        scores = _scores(study, data)
        if scores is not None:
            columns = {name: np.round(values, 6).tolist() for name, values in scores.standings.items()}
            stored = {"time": scores.time.tolist(), "up": scores.up.tolist(), **columns}
            _write(work, MetaPair(study_id=study.run_id, series=study.series, scores=stored, made_at=timezone.now()))


def _scores(study: TrainingRun, data: MetaDataset) -> PairScores | None:
    """What was advised at a study's candle beside `steady`; None where too little was over by then."""
    assert study.series is not None
    spec = StudySpec.from_dict(study.config).run
    candle = parse_time(StudyResult.read(study.result).decision)
    at = int(candle.timestamp())
    past = data.known_at(at, without=study.series.instrument_id)
    if not past.has(trials=PAIR_TRIALS, candles=PAIR_CANDLES):
        return None
    state = state_at(study.series, candle, train_years=spec.train_years)
    bars = study_data(study.series, spec)
    return pair_scores(
        bars.bars,
        series=study.series.pk,
        decision=bars.decision,
        not_before=at,
        specs={
            "steady": steady_spec(spec),
            **{name: _advised(spec, int(past.trial[advise(past, state)])) for name, advise in ADVISORS.items()},
        },
    )


def _advised(spec: CandleSpec, trial_pk: int) -> CandleSpec:
    trial = StudyTrial.objects.get(pk=trial_pk)
    return spec_with(spec, {**trial.params, "rounds": trial.rounds or 1})


def _look(work: Work) -> MetaLook | None:
    """The newest look, made now where there is none of this month and there are new pairs since the last."""
    newest, now = MetaLook.objects.last(), timezone.now()
    month, pairs = f"{now:%Y-%m}", list(MetaPair.objects.order_by("id"))
    if newest is not None and (newest.month == month or newest.pairs == len(pairs)):
        return newest
    claim = meta_claim([_read(pair) for pair in pairs])
    if claim is not None:
        k = 1 + (newest.k if newest else 0)
        _write(work, MetaLook(k=k, month=month, made_at=now, pairs=len(pairs), level=trial_level(k), **vars(claim)))
    return MetaLook.objects.last()


def _read(pair: MetaPair) -> PairScores:
    stored = pair.scores
    return PairScores(
        series=pair.series_id,
        time=np.array(stored["time"], dtype=np.int64),
        up=np.array(stored["up"], dtype=np.float64),
        standings={name: np.array(stored[name], dtype=np.float64) for name in ("steady", *LEARNERS)},
    )


def _write(work: Work, row: Model) -> None:
    """Under the lease. Where another fit has just written the same, that one stays: rows are made once."""
    try:
        work.progress.checkpoint([row])
    except IntegrityError:
        return
