"""Sources asked, one after the other, and what is new stored; then, where it is asked for, the table of features."""

from collections.abc import Iterator
from datetime import date

from boursomatic.shared.records import to_json
from instruments.imports.refresh import NotRefreshable, Refreshed, source_refresh
from instruments.models import Source
from instruments.store.features import features_compute
from instruments.universes import UnknownUniverse, universe_series
from training.errors import RunRefused
from training.models import Reason
from training.recipes.base import Completed, Progress, Work
from training.recipes.refresh.schema import RefreshedSource, RefreshResult
from training.recipes.refresh.sentence import refresh_sentence
from training.recipes.refresh.spec import RefreshSpec

_ASKING = 0.9  # of the progress; the rest is the features


def execute(work: Work) -> Completed:
    """Raises RunRefused where no source has given a single series."""
    spec = work.spec
    assert isinstance(spec, RefreshSpec)
    sources = list(_sources(spec))
    refreshed = [
        _refreshed(source, work, begin=_ASKING * number / len(sources), share=_ASKING / len(sources))
        for number, source in enumerate(sources)
    ]
    sentence = refresh_sentence(refreshed)
    if not any(one.asked > len(one.failed) for one in refreshed) and any(
        one.failed or one.gave_up for one in refreshed
    ):
        raise RunRefused(Reason.BAD_DATA, sentence[:2000])
    written = _features(spec, work.progress) if spec.features else None
    return Completed(result=to_json(RefreshResult(sentence=sentence, sources=refreshed, features_written=written)))


def _sources(spec: RefreshSpec) -> Iterator[Source]:
    """Raises RunRefused where there is none."""
    rows = Source.objects.filter(name=spec.source) if spec.source else Source.objects.filter(enabled=True)
    if not rows:
        raise RunRefused(Reason.BAD_DATA, f"The source {spec.source} is gone." if spec.source else "No source is on.")
    return iter(rows)


def _refreshed(source: Source, work: Work, *, begin: float, share: float) -> RefreshedSource:
    spec, progress = work.spec, work.progress
    assert isinstance(spec, RefreshSpec)
    progress.stage("refresh", begin, source.name)

    def look(done: int, todo: int, waits: str) -> None:
        text = f"{source.name}: {done:,} of {todo:,} series"
        progress.within(begin + share * done / max(todo, 1), f"{text}; {waits}" if waits else text)

    try:
        done = source_refresh(
            source=source,
            universe=spec.universe,
            symbols=spec.symbols,
            since=date.fromisoformat(spec.since) if spec.since else None,
            days=spec.days,
            adopts=bool(spec.source),
            on_look=look,
            run_id=work.run.run_id,
        )
    except (NotRefreshable, UnknownUniverse) as reason:
        done = Refreshed(gave_up=str(reason))
    return RefreshedSource(source=source.name, **vars(done))


def _features(spec: RefreshSpec, progress: Progress) -> int:
    def tell(done: int, todo: int, written: int) -> None:
        progress.within(_ASKING + (1 - _ASKING) * done / todo, f"{done:,} of {todo:,} series, {written:,} rows written")

    progress.stage("features", _ASKING, "of what has changed")
    try:
        return features_compute(series=universe_series(spec.universe), on_series=tell).written
    except UnknownUniverse:
        return 0
