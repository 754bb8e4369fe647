"""The models that an ensemble is made of: read where members are runs, trained where they are cells of a sweep."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from instruments.models import Series
from training.artifacts.loading import native_files
from training.artifacts.storage import sha256
from training.models import TrainingRun
from training.quant.candle.export import json_bytes, manifest
from training.quant.candle.model import MANIFEST, MODEL, CandleModel, read_model
from training.quant.candle.spec import CandleSpec, parse_time
from training.quant.candle.train import CandleOutcome, train_candle
from training.quant.candle.windows import NO_WINDOWS
from training.quant.ensemble.spec import EnsembleSpec, Member
from training.recipes.candle.data import candle_data
from training.recipes.candle.results import candle_detail, data_hash
from training.recipes.ensemble.members import member_runs


@dataclass(frozen=True)
class MemberModel:
    """`member` with the hashes of its model; its files as serving reads them; the first candle that it was fitted on
    (seconds), the last outcome there, and each feature's share of its gain."""

    member: Member
    model: CandleModel
    files: dict[str, bytes]
    first: int
    last_train_outcome: str
    importance: list[dict[str, Any]]


def member_models(series: Series, spec: EnsembleSpec) -> Iterator[MemberModel]:
    """In the order of the members. Raises SpecError where one is gone, RunRefused where its files are not as they were
    written, and NotTrainable."""
    runs = member_runs([member.run_id for member in spec.members if member.cell is None])
    for member in spec.members:
        yield _of_run(member, runs[member.run_id]) if member.cell is None else _of_cell(series, member)


def trained_files(spec: CandleSpec, outcome: CandleOutcome) -> dict[str, bytes]:
    """What serving reads of a model that has no run."""
    trees = {MODEL: outcome.final.text()} if spec.model == "lightgbm" else {}
    return {**trees, MANIFEST: json_bytes(manifest(outcome, spec, hashes={}))}


def read_trained(files: dict[str, bytes]) -> CandleModel:
    """As serving would read it."""
    return read_model(files, {name: sha256(content) for name, content in files.items()})


def _of_run(member: Member, run: TrainingRun) -> MemberModel:
    version = run.model_version
    files = native_files(version)
    return MemberModel(
        member=member,
        model=read_model(files, version.files),
        files=files,
        first=int(parse_time(run.result["splits"]["train"]["first"]).timestamp()),
        last_train_outcome=run.detail["proof"]["last_train_outcome"],
        importance=run.detail["feature_importance"],
    )


def _of_cell(series: Series, member: Member) -> MemberModel:
    data = candle_data(series, member.spec)
    outcome = train_candle(
        data.bars,
        decision=data.decision,
        spec=member.spec,
        on_stage=lambda *_: None,
        on_round=lambda *_: None,
        stale_time=data.stale_time,
    )
    files = trained_files(member.spec, outcome)
    detail = candle_detail(member.spec, data, outcome, windows=NO_WINDOWS, folds=None)
    return MemberModel(
        member=replace(member, data_hash=data_hash(data), model_hash=sha256(outcome.final.text())),
        model=read_trained(files),
        files=files,
        first=outcome.plan.parts["train"].first or 0,
        last_train_outcome=detail["proof"]["last_train_outcome"],
        importance=detail["feature_importance"],
    )
