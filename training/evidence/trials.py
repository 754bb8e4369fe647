"""Entering trials: the only writer of the table, within the transaction that completes a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, FloatField, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast
from django.utils import timezone

from instruments.models import Series
from training.models import RETRAINING, TrainingRun, Trial, TrialLock
from training.quant.candle.verdict import Counted, Label, label_of
from training.quant.stats.multiple_testing import FAMILY_LEVEL, linked_ledgers, trial_level

_LOCK_OF_UNIVERSES = "universes"


@dataclass(frozen=True)
class TrialFields:
    """What a run enters when it completes: as of which moment, on which data, over which instruments (`members`: ids
    of those that had rows, ascending; none for one series), and its p-value (None: nothing to rank).

    Without `is_settled` the p-value is that of a first look, which makes it `weak` at most: a follow-up judges it. Of a
    retraining `retrained_to` is its last judged day: all of its calendar year are one trial, that of the first.
    """

    as_of: datetime
    data_hash: str
    p_value: float | None = None
    is_settled: bool = True
    members: tuple[int, ...] = ()
    retrained_to: datetime | None = None


@dataclass(frozen=True)
class Claim:
    """What a follow-up found about its subject. Not `can_be_evidence`: `weak` at most, whatever the p-value."""

    p_value: float
    can_be_evidence: bool = True


def trial_enter(run: TrainingRun, fields: TrialFields) -> Trial:
    """The trial of the run that this transaction completes: the one that is there, if the same was completed before on
    the same data or is retrained in the same year, else the next of its ledger. The run is linked to it.

    Call it inside the transaction, after the run's row is locked: k is read under the lock of the ledger, which is held
    until the commit.
    """
    _lock(run.series)
    trial = _trial_before(run, fields) or _trial_create(run, fields)
    TrainingRun.objects.filter(pk=run.pk).update(trial=trial)
    return trial


def prospective_k(run: TrainingRun, fields: TrialFields) -> int:
    """What the run's trial would be, were it entered now."""
    trial = _trial_before(run, fields)
    return trial.k if trial else next_k(run.series, fields.members)


def _trial_before(run: TrainingRun, fields: TrialFields) -> Trial | None:
    return _trial_of_year(run, fields) or _trial_of_same(run, fields)


def _trial_of_year(run: TrainingRun, fields: TrialFields) -> Trial | None:
    """Why: looks at one level night after night would pass it several times as often as once."""
    if fields.retrained_to is None:
        return None
    retrained = Trial.objects.filter(kind=RETRAINING, scope=run.universe or "", params_hash=run.params_hash)
    return retrained.filter(as_of__year=fields.retrained_to.year).order_by("pk").first()


def _trial_of_same(run: TrainingRun, fields: TrialFields) -> Trial | None:
    same = Trial.objects.filter(
        kind=run.kind,
        series=run.series,  # of a universe the hash of its data names the members, whatever it is called
        params_hash=run.params_hash,
        as_of=fields.as_of,
        data_hash=fields.data_hash,
    )
    return same.order_by("pk").first()


def trial_settle(trial_id: int, claim: Claim) -> bool:
    """Gives a trial the p-value and label that a follow-up found. Once: False where it has them. A trial of before
    levels is judged now, so by the level of its k."""
    level = trial_level(Trial.objects.values_list("k", flat=True).get(pk=trial_id))  # k never changes
    label = label_of(claim.p_value, level=level if claim.can_be_evidence else None)
    unsettled = Trial.objects.filter(pk=trial_id, p_value=None)
    return bool(unsettled.update(p_value=claim.p_value, label=label, level=level))


def counted_of(trial: Trial) -> Counted:
    """What a trial fixed, as verdicts are read from it."""
    return Counted(k=trial.k, level=trial.level, p_value=trial.p_value, label=Label(trial.label))


def next_k(series: Series | None, members: Sequence[int] = ()) -> int:
    """What a run on this series, or over these `members` of a universe, would be, were it the next to complete."""
    return 1 + (Trial.objects.filter(series=series).count() if series else _linked_trials(members))


def of_universes() -> QuerySet[Trial]:
    """Trials over many instruments."""
    return Trial.objects.filter(series=None).order_by("id")


def linked_members(members: Sequence[int]) -> set[tuple[int, ...]]:
    """The distinct members of trials on universes that are in the ledger of these `members`."""
    sets = [members, *_member_sets()]
    ledger = linked_ledgers(sets)
    return {tuple(ids) for ids, lowest in zip(sets[1:], ledger[1:], strict=True) if lowest == ledger[0]}


@dataclass(frozen=True)
class Spent:
    """Over all `ledgers` of the team luck alone would give up to `expected` (a mean count) false `evidence`."""

    ledgers: int
    expected: float


def levels_spent() -> Spent:
    """PROTOCOL §3: 0.05 holds within one ledger; this is the sum of the levels of all. Trials that Holm judged count
    with the level of their k."""
    k = Cast("k", FloatField())  # as integers PostgreSQL's would overflow
    spent = Sum(FAMILY_LEVEL / (k * (k + 1.0)), output_field=FloatField())
    expected = of_universes().order_by().aggregate(spent=spent)["spent"] or 0.0
    lengths = tried_series().values_list(Subquery(_of_series().order_by("-k").values("k")[:1]), flat=True)
    expected += sum(FAMILY_LEVEL * (1 - 1 / (length + 1)) for length in lengths)  # the same sum over k = 1 … length
    return Spent(len(lengths) + len(set(linked_ledgers(list(_member_sets())).tolist())), expected)


def tried_series() -> QuerySet[Series]:
    """Series that have trials; a look at one trial of each."""
    return Series.objects.filter(Exists(_of_series()))


def ledger_of_universe(universe: str) -> QuerySet[Trial]:
    """The ledger of its newest trial, whatever the universes of the others are called."""
    newest = of_universes().filter(scope=universe).last()
    if newest is None:
        return Trial.objects.none()
    linked = linked_members(newest.members)
    examples = of_universes().order_by().values("members").annotate(example=Min("pk"))
    pks = [pk for ids, pk in examples.values_list("members", "example") if tuple(ids) in linked]
    members = Trial.objects.filter(pk__in=pks).order_by().values("members")
    return of_universes().filter(Q(pk=newest.pk) | Q(members__in=members))


def _of_series() -> QuerySet[Trial]:
    return Trial.objects.filter(series=OuterRef("pk"))


def _lock(series: Series | None) -> None:
    """Until the transaction ends. An UPDATE, so that it locks on SQLite too, where SELECT … FOR UPDATE doesn't."""
    name = str(series) if series else _LOCK_OF_UNIVERSES
    row = TrialLock.objects.filter(pk=name)
    if not row.update(name=name):
        TrialLock.objects.bulk_create([TrialLock(name=name)], ignore_conflicts=True)
        row.update(name=name)


def _trial_create(run: TrainingRun, fields: TrialFields) -> Trial:
    k = next_k(run.series, fields.members)
    level = trial_level(k)
    return Trial.objects.create(
        kind=RETRAINING if fields.retrained_to else run.kind,
        scope=str(run.series) if run.series else run.universe or "",
        series=run.series,
        members=list(fields.members),
        params_hash=run.params_hash,
        data_hash=fields.data_hash,
        as_of=fields.retrained_to or fields.as_of,
        k=k,
        level=level,
        p_value=fields.p_value if fields.is_settled else None,
        label=label_of(fields.p_value, level=level if fields.is_settled else None),
        run_id=run.run_id,
        made_at=timezone.now(),
    )


def _linked_trials(members: Sequence[int]) -> int:
    linked = linked_members(members)
    return sum(count for ids, count in _member_sets().items() if ids in linked)


def _member_sets() -> dict[tuple[int, ...], int]:
    """Distinct members of trials on universes, with how many trials have them."""
    counted = of_universes().order_by().values("members").annotate(count=Count("pk"))
    return {tuple(ids): count for ids, count in counted.values_list("members", "count") if ids}
