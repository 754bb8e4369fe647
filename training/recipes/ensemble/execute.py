"""An ensemble carried out: its members read, asked together, judged, and what it leaves behind."""

from dataclasses import replace

from instruments.calendars.sessions import trading_year_of
from training.artifacts.storage import sha256
from training.quant.candle.export import json_bytes
from training.quant.candle.model import MANIFEST
from training.quant.ensemble.judge import judge_ensemble
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.base import Completed, FollowUp, Work
from training.recipes.candle.results import series_model, series_trial
from training.recipes.confirmation.recipe import RECIPE as CONFIRMATION
from training.recipes.ensemble.data import assemble, ensemble_data
from training.recipes.ensemble.models import member_models
from training.recipes.ensemble.results import ensemble_detail, ensemble_files, ensemble_manifest, ensemble_result


def execute(work: Work) -> Completed:
    """Raises SpecError where a member is gone, RunRefused where its files are not as they were written, and
    NotTrainable."""
    run, progress = work.run, work.progress
    assert isinstance(work.spec, EnsembleSpec) and run.series is not None
    members = []
    for member in member_models(run.series, work.spec):
        members.append(member)
        progress.stage("load", 0.4 * len(members) / len(work.spec.members), f"model {len(members)}")
    spec = replace(work.spec, members=tuple(each.member for each in members))
    assembled = assemble(run.series, spec, members)
    first = min(member.first for member in members)
    data = ensemble_data(run.series, spec, first=first, warmup=assembled.model.warmup)
    progress.stage("evaluate", 0.5, f"{len(data.bars)} bars")
    outcome = judge_ensemble(
        data.bars,
        decision=data.decision,
        spec=spec,
        model=assembled.model,
        first=first,
        stale_time=data.stale_time,
        year=trading_year_of(run.series.instrument.calendar),
    )
    was_seen = run.seen_until is not None and spec.candle_at < run.seen_until
    if was_seen:  # the members' figures are of these rows, and they were chosen by them
        outcome = replace(outcome, evidence=None)
    progress.stage("write", 0.95, "files, hashes and the model's version")
    manifest = json_bytes(ensemble_manifest(spec, assembled, outcome))
    result = ensemble_result(run, spec, outcome, model_hash=sha256(manifest))
    detail = ensemble_detail(spec, data, outcome, members)
    return Completed(
        result=result,
        detail=detail,
        files=ensemble_files(run, spec, {MANIFEST: manifest, **assembled.files}, result=result, detail=detail),
        model=series_model(run, result),
        trial=series_trial(spec.candle_at, result),
        follow_ups=[FollowUp(CONFIRMATION.kind, work.spec)] if spec.confirm and not was_seen else [],
    )
