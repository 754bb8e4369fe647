"""Schedules: once when due, whoever looks, however long nobody did; nothing activates itself without a rule."""

import threading
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from boursomatic.accounts.models import AuditEntry
from instruments.models import PriceBar
from predictions.models import RecommendationSet, Schedule
from predictions.schedules import services
from tests.market import change_bars
from tests.people import BrowserOf
from tests.predictions.advised import advised
from tests.training.universe import make_universe
from training.evidence.universe import universe_verdicts
from training.models import RETRAINING, Activation, ModelVersion, Status, TrainingRun
from training.quant.walk_forward.spec import parse_universe_request
from training.queue import clock, leases
from training.queue.broker import waiting
from training.runs.services import run_create
from training.worker.execute import execute
from training.worker.outcome import RunOutcome
from training.worker.runner import Held, conclude

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def _schedule(job: str, *, due: timedelta = timedelta(0), **more: Any) -> Schedule:
    values = {"time_of_day": time(22, 30), "next_run_at": timezone.now() - due} | more
    return Schedule.objects.create(job=job, universe="few", **values)


def test_its_next_run_is_the_next_time_of_day() -> None:
    one = Schedule(time_of_day=time(22, 30), every_days=7)
    before, after = (datetime(2024, 3, 5, hour, tzinfo=UTC) for hour in (8, 23))
    assert services.following(before, one) == datetime(2024, 3, 5, 22, 30, tzinfo=UTC)
    assert services.following(after, one) == datetime(2024, 3, 12, 22, 30, tzinfo=UTC)


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.times(),
    st.integers(1, 60),
    st.timedeltas(-timedelta(days=90), timedelta(days=500)),
)
def test_its_due_times_lie_whole_periods_apart(first: date, at: time, every_days: int, late: timedelta) -> None:
    due = datetime.combine(first, at, tzinfo=UTC)
    one = Schedule(time_of_day=at, every_days=every_days, next_run_at=due)
    now, period = due + late, timedelta(days=every_days)
    following = services.next_due(one, now)
    assert following > now and following >= due and (following - due) % period == timedelta(0)
    assert following == due or following - period <= now
    one.next_run_at = following
    assert services.next_due(one, now) == following


def carry_next() -> TrainingRun | None:
    """What a worker would take now, carried to its end."""
    turn = leases.next_queued()
    if turn is None:
        return None
    token = leases.claim(turn, host="test", pid=1)
    assert token is not None
    run = TrainingRun.objects.get(pk=turn)
    try:
        execute(run_pk=turn, token=token)
    except Exception as problem:
        conclude(Held(turn, run.run_id, run.kind, token, 1), RunOutcome.of_exception(problem))
    run.refresh_from_db()
    return run


def carry_all() -> None:
    while carry_next():
        pass


def last_run(schedule: Schedule) -> TrainingRun:
    schedule.refresh_from_db()
    return TrainingRun.objects.get(run_id=schedule.run_id)


def test_a_weekly_one_that_begins_late_stays_on_its_weekday_and_runs_once(carol: User) -> None:
    """Due late on a Tuesday, begun after midnight: on Wednesday it does not run again."""
    missed = timezone.now() - timedelta(days=1)
    at = (timezone.now() + timedelta(hours=1)).time().replace(microsecond=0)
    due = datetime.combine(missed.date(), at, tzinfo=UTC)
    schedule = _schedule("score", every_days=7, time_of_day=at, next_run_at=due)
    services.schedules_start()
    run = last_run(schedule)
    assert schedule.next_run_at == due + timedelta(days=7)
    services.schedule_run_now(schedule=schedule, user=carol)
    assert last_run(schedule) == run and schedule.next_run_at == due + timedelta(days=7)


def test_what_was_missed_for_five_days_runs_once() -> None:
    schedule = _schedule("score", due=timedelta(days=5))
    services.schedules_start()
    services.schedules_start()
    assert waiting().count() == 1
    run = carry_next()
    assert run == last_run(schedule) and run.status == Status.COMPLETED and "0 scored" in run.result["sentence"]
    assert schedule.next_run_at > timezone.now()
    services.schedules_start()
    assert TrainingRun.objects.count() == 1


def test_the_meta_predictor_is_brought_up_to_date_by_one_schedule_for_all() -> None:
    schedule = _schedule("meta_fit", due=timedelta(hours=1), every_days=7)
    services.schedules_start()
    run = carry_next()
    assert run == last_run(schedule) and run.status == Status.COMPLETED and run.config["schedule"] == schedule.pk
    assert run.result["sentence"].startswith("Learnt from 0 search trials of 0 candles")


@pytest.mark.django_db(transaction=True)
def test_two_hosts_at_once_make_one_run() -> None:
    _schedule("score", due=timedelta(days=1))
    start = threading.Barrier(2)

    def look() -> None:
        start.wait()
        services.schedules_start()
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert TrainingRun.objects.count() == 1


def test_it_is_not_done_while_it_is_off_unless_asked(carol: User) -> None:
    schedule = _schedule("score", due=timedelta(days=1), enabled=False)
    services.schedules_start()
    assert not TrainingRun.objects.exists()
    services.schedule_run_now(schedule=schedule, user=carol)
    run = last_run(schedule)
    assert run.created_by == carol and waiting().count() == 1
    services.schedule_run_now(schedule=schedule, user=carol)
    assert TrainingRun.objects.count() == 1, "the last one is still on its way"
    assert carry_next() == run
    services.schedule_run_now(schedule=schedule, user=carol)
    assert last_run(schedule) != run
    assert AuditEntry.objects.filter(action="schedule.run").first().user == carol  # type: ignore[union-attr]


def test_it_goes_back_to_the_queue_when_its_worker_died() -> None:
    schedule = _schedule("score")
    services.schedules_start()
    run = last_run(schedule)
    token = leases.claim(run.pk, host="gone", pid=1)
    assert token is not None
    TrainingRun.objects.filter(pk=run.pk).update(lease_beat_at=clock.read() - timedelta(seconds=leases.LEASE_S + 1))
    leases.reclaim_expired()
    assert carry_next() == run
    assert last_run(schedule).status == Status.COMPLETED


def test_it_recommends_for_champion_and_challenger_and_scores_and_looks() -> None:
    champion = advised()
    schedule = _schedule("recommend")
    services.schedules_start()
    carry_next()
    run = last_run(schedule)
    assert run.status == Status.COMPLETED and run.result["sentence"].startswith(champion.version), run.error
    assert RecommendationSet.objects.get().version == champion.version
    for job in ("score", "drift"):
        other = _schedule(job)
        services.schedules_start()
        carry_next()
        assert last_run(other).status == Status.COMPLETED


def test_it_says_why_it_could_not(bob: User, browser_of: BrowserOf) -> None:
    make_universe()
    schedule = _schedule("recommend")
    gone = Schedule.objects.create(job="retrain", universe="gone", time_of_day=time(1), next_run_at=timezone.now())
    services.schedules_start()
    carry_all()
    assert last_run(schedule).error == "No model of the universe few is active. Activate one, or name a model."
    assert "There was no universe 'gone'" in last_run(gone).error
    page = browser_of(bob)
    assert "No model of the universe few is active." in page.get("/schedules/").text
    assert "No model of the universe few is active." in page.get(f"/runs/{schedule.run_id}/").text


def test_it_counts_towards_nobodys_limit(carol: User, settings: Any) -> None:
    settings.MAX_ACTIVE_PER_USER = settings.MAX_QUEUED = 1
    schedule = _schedule("score", enabled=False)
    services.schedule_run_now(schedule=schedule, user=carol)
    make_universe()
    universe_run = run_create(spec=parse_universe_request({"universe": "few", "horizon": 5}), user=carol)
    assert universe_run.status == Status.QUEUED


def test_retraining_makes_a_challenger_that_only_a_rule_activates(carol: User) -> None:
    champion = advised()
    carry_all()
    schedule = _schedule("retrain")
    services.schedules_start()
    run = last_run(schedule)
    training = run.parts.get()
    assert training.config == {**champion.run.config, "as_of": None} and training.status == Status.QUEUED
    assert carry_next() == training
    walk = training.jobs.get()
    assert walk.parent == run and walk.parts.count() == 4  # as far as the history reaches
    carry_all()
    assert run.refresh_from_db() is None and run.status == Status.COMPLETED
    challenger = ModelVersion.objects.get(run=training)
    assert run.result["sentence"].startswith(f"Challenger {challenger.version}: ")
    assert not challenger.is_active and Activation.objects.count() == 1

    services.schedule_rule(schedule=schedule, user=carol, on=True)
    services.schedule_run_now(schedule=schedule, user=carol)
    carry_all()
    assert "Not activated: Activation checks of" in last_run(schedule).result["sentence"]
    assert Activation.objects.count() == 1


def test_the_retrainings_of_a_year_are_one_trial(carol: User) -> None:
    champion = advised()
    trials = [champion.run.trial]
    schedule = _schedule("retrain", enabled=False)
    for volume in (1.0, 2.0):
        change_bars(PriceBar.objects.filter(series__instrument__symbol="AAA"), volume=volume)
        services.schedule_run_now(schedule=schedule, user=carol)
        carry_all()
        trials.append(last_run(schedule).parts.get(kind="universe").trial)
    assert [trial.k for trial in trials if trial] == [1, 2, 2] and trials[1].kind == RETRAINING
    again = last_run(schedule).parts.get(kind="universe")
    assert "the verdict of the year's first retraining" in universe_verdicts([again])[again.pk].sentence


def test_managers_change_them_on_their_page(carol: User, bob: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(carol)
    assert "Nothing is scheduled" in browser.get("/schedules/").text
    assert "5 schedules for few are on" in browser.post("/schedules/new", {"universe": "few"}, follow=True).text
    assert "2 schedules for all are on" in browser.post("/schedules/new", {"universe": "all"}, follow=True).text
    assert "already" in browser.post("/schedules/new", {"universe": "few"}, follow=True).text
    assert browser.post("/schedules/new", {"universe": "gone"}).status_code == 404
    one = Schedule.objects.get(job="retrain", universe="few")
    address = f"/schedules/{one.pk}/change"
    browser.post(address, {"do": "time", "time_of_day": "06:15", "every_days": "3"})
    browser.post(address, {"do": "off"})
    browser.post(address, {"do": "rule-on"})
    one.refresh_from_db()
    assert (one.time_of_day, one.every_days, one.enabled, one.activates_by) == (time(6, 15), 3, False, carol)
    assert "Auto-activate when checks pass: on, set by carol" in browser_of(bob).get("/schedules/").text
    assert "must be written" in browser.post(address, {"do": "time", "every_days": "0"}, follow=True).text
    browser.post(address, {"do": "run"})
    assert waiting().count() == 1
    browser.post(address, {"do": "delete"})
    assert not Schedule.objects.filter(pk=one.pk).exists()
    assert browser_of(bob).post(address, {"do": "run"}).status_code == 403
    assert "Run now" not in browser_of(bob).get("/schedules/").text


def test_the_admin_site_changes_when_and_makes_nothing_up(dave: User, browser_of: BrowserOf) -> None:
    one = _schedule("score", due=timedelta(days=2), enabled=False)
    form = {"enabled": "on", "time_of_day": "05:45", "every_days": "2"}
    assert browser_of(dave).post(f"/admin/predictions/schedule/{one.pk}/change/", form).status_code == 302
    one.refresh_from_db()
    assert (one.enabled, one.time_of_day, one.every_days) == (True, time(5, 45), 2)
    assert one.next_run_at > timezone.now()


def test_the_admin_site_leaves_a_schedule_that_follows_closes_without_a_time(dave: User, browser_of: BrowserOf) -> None:
    one = _schedule("refresh", due=timedelta(days=2), source="files", time_of_day=None)
    form = {"enabled": "on", "delay_minutes": "25"}
    assert browser_of(dave).post(f"/admin/predictions/schedule/{one.pk}/change/", form).status_code == 302
    one.refresh_from_db()
    assert (one.delay_minutes, one.time_of_day) == (25, None)


def test_its_page_takes_hours_of_a_day_and_asks_before_it_deletes(carol: User, browser_of: BrowserOf) -> None:
    one, browser = _schedule("score"), browser_of(carol)
    assert 'data-confirm="Delete the schedule Score few?' in browser.get("/schedules/").text
    change = f"/schedules/{one.pk}/change"
    for typed, at in (("06:05", time(6, 5)), ("6:05 PM", time(6, 5)), ("25:00", time(6, 5))):
        browser.post(change, {"do": "time", "time_of_day": typed, "every_days": "1"})
        one.refresh_from_db()
        assert one.time_of_day == at, typed


def test_no_universe_has_a_name_in_braces(carol: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(carol)
    assert browser.post("/schedules/new", {"universe": "{every}"}).status_code == 404
    assert browser.post("/training/universe/", {"universe": "{every}"}).status_code == 400
    assert not Schedule.objects.exists() and not TrainingRun.objects.exists()
