"""k and level are given once, in the order of completion, and nothing that comes later moves them."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from instruments.models import PriceBar
from tests.faults.scale import times
from tests.market import candle, make_series
from tests.training.carrying import carried
from tests.training.evidence.test_candle import BODY, carry_job, confirmation_of
from tests.training.results import universe_result
from tests.training.run_builders import confirm_universe, enter_trial, enter_universe, make_run
from training.evidence.trials import Claim, TrialFields, levels_spent, next_k, trial_enter, trial_settle
from training.evidence.universe import universe_verdicts
from training.models import Status, TrainingRun, Trial
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import parse_time
from training.queue import leases
from training.runs.as_json import run_json
from training.runs.services import follow_up_create, run_cancel, run_create, run_delete

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
RACERS, ROUNDS = 4, times(10, 60)
AT = datetime(2024, 1, 2, tzinfo=UTC)


def verdict_of(run: TrainingRun) -> dict[str, Any]:
    verdict: dict[str, Any] = run_json(TrainingRun.objects.get(pk=run.pk))["verdict"]
    return verdict


def test_it_numbers_trials_as_they_are_completed() -> None:
    series = make_series()
    runs = [carried({**BODY, "params": {"num_leaves": leaves}}) for leaves in (15, 20, 25)]
    assert [(verdict_of(run)["trial"], verdict_of(run)["tries"]) for run in runs] == [(1, 1), (2, 2), (3, 3)]
    assert [verdict_of(run)["level"] for run in runs] == [0.05 / 2, 0.05 / 6, 0.05 / 12]
    assert Trial.objects.filter(p_value=None).count() == 3 and next_k(series) == 4
    carry_job(confirmation_of(runs[1]))
    settled = verdict_of(runs[1])
    assert settled["adjusted_p_value"] == pytest.approx(min(1.0, 6 * settled["p_value"]))
    carried({**BODY, "candle_date": candle(559)})
    assert verdict_of(runs[1]) == settled  # whatever comes later


def test_it_counts_each_series_by_itself() -> None:
    for symbol in ("SPY", "IBM"):
        make_series(symbol)
        assert verdict_of(carried({**BODY, "symbol": symbol}))["trial"] == 1
    assert levels_spent().ledgers == 2 and levels_spent().expected == pytest.approx(0.05)


def test_it_keeps_k_p_and_verdict_of_the_same_again() -> None:
    make_series()
    first = carried(BODY)
    carry_job(confirmation_of(first))
    again = carried({**BODY, "confirm": False})
    assert Trial.objects.count() == 1
    known, same = verdict_of(first), verdict_of(again)
    for name in ("label", "p_value", "adjusted_p_value", "tries", "level", "trial"):
        assert same[name] == known[name]
    assert not same["confirmed"] and "another run of the same trial was confirmed" in same["sentence"]


def test_it_counts_the_same_again_on_other_data() -> None:
    series = make_series()
    carried(BODY)
    PriceBar.objects.filter(series=series, timestamp=parse_time(candle(500))).update(volume=1.0)
    assert verdict_of(carried(BODY))["trial"] == 2


def test_it_writes_p_and_label_once() -> None:
    make_series()
    first, again = carried(BODY), carried(BODY)
    carry_job(confirmation_of(first))
    Trial.objects.update(p_value=0.001, label="evidence")
    carry_job(confirmation_of(again))
    trial = Trial.objects.get()
    assert (trial.p_value, trial.label) == (0.001, "evidence")
    assert verdict_of(again)["label"] == "evidence" and verdict_of(again)["p_value"] == 0.001


def test_it_judges_an_old_trial_by_its_level_when_it_is_confirmed_now() -> None:
    make_series()
    run = carried(BODY)
    Trial.objects.update(level=None)
    assert "by Holm, before the change" in verdict_of(run)["sentence"] and verdict_of(run)["trial"] is None
    carry_job(confirmation_of(run))
    assert verdict_of(run)["level"] == 0.025 and verdict_of(run)["trial"] == 1


def test_it_keeps_the_trial_of_a_run_that_is_deleted() -> None:
    make_series()
    run = carried(BODY)
    run_delete(run=run, user=None)
    assert Trial.objects.get().run_id == run.run_id
    assert verdict_of(carried({**BODY, "params": {"num_leaves": 15}}))["trial"] == 2


def test_it_gives_none_to_what_was_cancelled_or_failed(alice: User) -> None:
    make_series()
    cancelled, failed = (run_create(user=alice, spec=parse_candle_spec(BODY)) for _ in range(2))
    run_cancel(run=cancelled, user=alice)
    token = leases.claim(failed.pk, host="test", pid=os.getpid())
    assert token is not None
    leases.finish(failed.pk, token, status=Status.FAILED, error="It broke.")
    assert not Trial.objects.exists() and not TrainingRun.objects.exclude(trial=None).exists()


def test_it_gives_no_p_value_for_noise_controls_and_verifications(alice: User) -> None:
    make_series()
    run = carried({**BODY, "confirm": False})
    for verb in ("control", "verify"):
        carry_job(follow_up_create(verb=verb, run=run, user=alice))
    assert Trial.objects.get().p_value is None


def universe_trial_of(by: User, universe: str, members: tuple[int, ...], data: str, kind: str = "universe") -> Trial:
    result = universe_result(universe=universe, p_value=0.004)
    run = enter_universe(
        make_run(by, kind=kind, universe=universe, status=Status.COMPLETED, result=result), *members, data_hash=data
    )
    confirm_universe(run, p_value=0.004)
    assert run.trial is not None
    return Trial.objects.get(pk=run.trial_id)


def test_it_counts_universes_by_their_members_not_by_their_names(alice: User) -> None:
    assert universe_trial_of(alice, "few", (1, 2, 3, 4), "1").k == 1
    assert universe_trial_of(alice, "few", (1, 2, 3, 4), "2").k == 2
    assert universe_trial_of(alice, "others", (5, 6, 7, 8), "3").k == 1
    assert levels_spent().ledgers == 2
    assert universe_trial_of(alice, "both", (3, 4, 5, 6), "4").k == 4  # links both, and counts both
    assert universe_trial_of(alice, "again", (1, 2, 3, 4), "1").k == 1  # the same data under another name
    assert [trial.label for trial in Trial.objects.all()] == ["evidence", "evidence", "evidence", "weak"]
    assert levels_spent().ledgers == 1
    assert levels_spent().expected == pytest.approx(0.025 + 0.05 / 6 + 0.025 + 0.05 / 20)


def test_it_makes_one_trial_of_the_retrainings_of_a_year(alice: User) -> None:
    retrained = []
    for day, p in ((datetime(2024, 1, 4, tzinfo=UTC), 0.003), (datetime(2024, 12, 31, tzinfo=UTC), 0.0001)):
        result = universe_result(universe="few", p_value=p)
        run = make_run(alice, kind="universe", universe="few", status=Status.COMPLETED, result=result)
        fields = {"as_of": day, "data_hash": f"{day}", "members": (1, 2), "retrained_to": day}
        retrained.append(enter_trial(run, **fields, is_settled=False))
        confirm_universe(run, p_value=p)
    first, later = (universe_verdicts([run])[run.pk] for run in retrained)
    assert retrained[0].trial == retrained[1].trial == Trial.objects.get()
    for verdict in (first, later):
        assert (verdict.label, verdict.p_value, verdict.trial) == ("evidence", 0.003, 1)
    assert "retraining" not in first.sentence
    assert "the verdict of the year's first retraining (judged " in later.sentence and ", p = 0.003)" in later.sentence
    assert "For information: this one, over 600 days that none of its 10 models had seen" in later.sentence
    assert later.sentence.endswith("(p = 0.0001).")
    new_year = datetime(2025, 1, 1, tzinfo=UTC)
    run = make_run(alice, kind="universe", universe="few", status=Status.COMPLETED, result=result)
    run = enter_trial(run, as_of=new_year, data_hash="3", p_value=0.4, members=(1, 2), retrained_to=new_year)
    assert run.trial is not None and (run.trial.k, run.trial.label) == (2, "no_evidence")


def test_it_takes_a_universe_that_never_traded_for_no_evidence(alice: User) -> None:
    result = universe_result(universe="few", p_value=None)
    run = enter_universe(make_run(alice, kind="universe", status=Status.COMPLETED, result=result), 1, 2)
    assert run.trial is not None and (run.trial.p_value, run.trial.label) == (None, "no_evidence")


@pytest.mark.parametrize(
    ("claim", "label"),
    [
        (Claim(0.02), "evidence"),
        (Claim(0.02, can_be_evidence=False), "weak"),
        (Claim(0.03), "weak"),
        (Claim(0.06), "no_evidence"),
    ],
)
def test_it_labels_a_confirmed_trial_by_its_level(alice: User, claim: Claim, label: str) -> None:
    trial = trial_enter(make_run(alice, series=make_series(bars=5)), TrialFields(AT, "d", 0.001, is_settled=False))
    assert (trial.k, trial.level, trial.p_value, trial.label) == (1, 0.025, None, "weak")
    assert trial_settle(trial.pk, claim) and not trial_settle(trial.pk, Claim(0.0001))
    trial.refresh_from_db()
    assert (trial.p_value, trial.label) == (claim.p_value, label)


def _race(work: Callable[[int], int]) -> list[int]:
    """What each racer enters, all at the same time, each in a transaction of its own."""
    ready, entered, errors = threading.Barrier(RACERS), list[int](), list[Exception]()

    def enter(racer: int) -> None:
        try:
            ready.wait(timeout=30)
            with transaction.atomic():
                entered.append(work(racer))
        except Exception as problem:
            errors.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=enter, args=(racer,)) for racer in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    return sorted(entered)


@pytest.mark.django_db(transaction=True)
def test_it_gives_no_two_the_same_k_that_complete_at_once(alice: User) -> None:
    candles = [make_run(alice, series=make_series(bars=5))] * RACERS
    universes = [make_run(alice, kind="universe", universe=f"u{racer}") for racer in range(RACERS)]
    for number in range(ROUNDS):
        for runs, members in ((candles, ()), (universes, (1, 2, 3))):
            fields = [TrialFields(AT, f"{number} {racer}", 0.5, members=members) for racer in range(RACERS)]
            numbers = _race(lambda racer, runs=runs, fields=fields: trial_enter(runs[racer], fields[racer]).k)
            assert numbers == [RACERS * number + 1 + racer for racer in range(RACERS)]


@pytest.mark.django_db(transaction=True)
def test_it_gives_one_trial_to_the_same_that_completes_at_once(alice: User) -> None:
    run = make_run(alice, series=make_series(bars=5))
    for number in range(ROUNDS):
        fields = TrialFields(AT, f"{number}", 0.5, is_settled=False)
        assert _race(lambda _, fields=fields: trial_enter(run, fields).k) == [number + 1] * RACERS
    assert Trial.objects.count() == ROUNDS


@pytest.mark.django_db(transaction=True)
def test_it_lets_one_confirmation_settle_of_those_that_end_at_once(alice: User) -> None:
    trial = trial_enter(make_run(alice, series=make_series(bars=5)), TrialFields(AT, "d", 0.5, is_settled=False))
    claims = [Claim(0.001 * (1 + racer)) for racer in range(RACERS)]
    won = dict[int, bool]()
    _race(lambda racer: won.setdefault(racer, trial_settle(trial.pk, claims[racer])))
    trial.refresh_from_db()
    assert [claims[racer].p_value for racer, settled in won.items() if settled] == [trial.p_value]
