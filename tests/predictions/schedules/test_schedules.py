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
from predictions.models import Job, RecommendationSet, Schedule
from predictions.schedules import services
from predictions.schedules.jobs import schedule_carry, schedule_settle, schedule_work
from tests.people import BrowserOf
from tests.predictions.advised import advised
from tests.training.universe import make_universe
from training.models import Activation, ModelVersion, Status, TrainingRun
from training.queue import leases
from training.queue.broker import waiting
from training.worker.execute import run_execute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both]


def _schedule(job: Job, *, due: timedelta = timedelta(0), **more: Any) -> Schedule:
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


def test_a_weekly_one_that_begins_late_stays_on_its_weekday_and_runs_once(carol: User) -> None:
    """Due late on a Tuesday, begun after midnight: on Wednesday it does not run again."""
    missed = timezone.now() - timedelta(days=1)
    at = (timezone.now() + timedelta(hours=1)).time().replace(microsecond=0)
    due = datetime.combine(missed.date(), at, tzinfo=UTC)
    one = _schedule(Job.SCORE, every_days=7, time_of_day=at, next_run_at=due)
    assert services.schedule_claim(one.pk)
    one.refresh_from_db()
    assert one.next_run_at == due + timedelta(days=7)
    services.schedule_run_now(schedule=one, user=carol)
    services.schedule_claim(one.pk)
    one.refresh_from_db()
    assert one.next_run_at == due + timedelta(days=7) and not one.asked


def test_what_was_missed_for_five_days_runs_once() -> None:
    one = _schedule(Job.SCORE, due=timedelta(days=5))
    services.schedules_kick()
    services.schedules_kick()
    assert waiting().count() == 1
    schedule_carry(one.pk)
    one.refresh_from_db()
    assert one.ok and "0 scored" in one.result and one.ended_at and one.next_run_at > timezone.now()
    began = one.began_at
    services.schedules_kick()
    schedule_carry(one.pk)
    one.refresh_from_db()
    assert waiting().count() == 1 and one.began_at == began


def test_two_workers_at_once_take_it_once() -> None:
    one = _schedule(Job.SCORE, due=timedelta(days=1))
    start, taken = threading.Barrier(2), []

    def take() -> None:
        start.wait()
        taken.append(services.schedule_claim(one.pk))
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found is None for found in taken) == [False, True]


def test_it_is_not_done_while_it_is_off_unless_asked(carol: User) -> None:
    one = _schedule(Job.SCORE, due=timedelta(days=1), enabled=False)
    services.schedules_kick()
    assert not waiting().exists() and services.schedule_claim(one.pk) is None
    services.schedule_run_now(schedule=one, user=carol)
    assert waiting().count() == 1 and services.schedule_claim(one.pk) == one
    assert services.schedule_claim(one.pk) is None
    assert AuditEntry.objects.get(action="schedule.run").user == carol


def test_it_is_tried_again_when_its_worker_died() -> None:
    one = _schedule(Job.SCORE)
    assert services.schedule_claim(one.pk)
    services.schedules_kick()
    assert not waiting().exists()
    Schedule.objects.update(began_at=timezone.now() - services.ABANDONED - timedelta(minutes=1))
    services.schedules_kick()
    one.refresh_from_db()
    assert waiting().count() == 1 and one.ok is False and "worker died" in one.result
    assert services.schedule_claim(one.pk)


def test_it_recommends_for_champion_and_challenger_and_scores_and_looks() -> None:
    champion = advised()
    one = _schedule(Job.RECOMMEND)
    schedule_carry(one.pk)
    one.refresh_from_db()
    assert one.ok and one.result.startswith(champion.version), one.result
    assert RecommendationSet.objects.get().version == champion.version
    for job in (Job.SCORE, Job.DRIFT):
        other = _schedule(job)
        schedule_work(other)
        other.refresh_from_db()
        assert other.ok, other.result


def test_it_says_why_it_could_not() -> None:
    make_universe()
    one = _schedule(Job.RECOMMEND)
    schedule_work(one)
    one.refresh_from_db()
    assert one.ok is False and one.result == "No model of the universe few is active."
    gone = Schedule.objects.create(job=Job.RETRAIN, universe="gone", time_of_day=time(1), next_run_at=timezone.now())
    schedule_work(gone)
    gone.refresh_from_db()
    assert gone.ok is False and "There is no universe 'gone'" in gone.result


def _carry(run_id: str) -> TrainingRun:
    run = TrainingRun.objects.get(run_id=run_id)
    token = leases.claim(run.pk, host="test", pid=1)
    assert token is not None
    run_execute(run_pk=run.pk, token=token)
    return run


def test_retraining_makes_a_challenger_that_only_a_rule_activates(carol: User) -> None:
    champion = advised()
    one = _schedule(Job.RETRAIN, due=-timedelta(days=1))
    schedule_work(one)
    one.refresh_from_db()
    run = TrainingRun.objects.get(run_id=one.run_id)
    assert run.config == {**champion.run.config, "as_of": None} and run.status == Status.QUEUED
    services.schedules_kick()
    assert not Schedule.objects.exclude(kicked_at=None).exists()  # it waits for the end
    _carry(one.run_id)
    services.schedules_kick()
    assert Schedule.objects.exclude(kicked_at=None).exists()
    schedule_carry(one.pk)
    one.refresh_from_db()
    challenger = ModelVersion.objects.get(run=run)
    assert one.run_id == "" and one.result.startswith(f"Challenger {challenger.version}: ")
    assert not challenger.is_active and Activation.objects.count() == 1

    services.schedule_rule(schedule=one, user=carol, on=True)
    one.refresh_from_db()
    one.run_id = run.run_id
    schedule_settle(one)
    one.refresh_from_db()
    assert "Not activated: The gate refuses" in one.result and Activation.objects.count() == 1


def test_managers_change_them_on_their_page(carol: User, bob: User, browser_of: BrowserOf) -> None:
    make_universe()
    browser = browser_of(carol)
    assert "Nothing is scheduled" in browser.get("/schedules/").text
    assert "4 schedules for few are on" in browser.post("/schedules/new", {"universe": "few"}, follow=True).text
    assert "2 schedules for all are on" in browser.post("/schedules/new", {"universe": "all"}, follow=True).text
    assert "already" in browser.post("/schedules/new", {"universe": "few"}, follow=True).text
    assert browser.post("/schedules/new", {"universe": "gone"}).status_code == 404
    one = Schedule.objects.get(job=Job.RETRAIN, universe="few")
    address = f"/schedules/{one.pk}/change"
    browser.post(address, {"do": "time", "time_of_day": "06:15", "every_days": "3"})
    browser.post(address, {"do": "off"})
    browser.post(address, {"do": "rule-on"})
    one.refresh_from_db()
    assert (one.time_of_day, one.every_days, one.enabled, one.activates_by) == (time(6, 15), 3, False, carol)
    assert "activates what passes the gate, by carol" in browser_of(bob).get("/schedules/").text
    assert "must be written" in browser.post(address, {"do": "time", "every_days": "0"}, follow=True).text
    browser.post(address, {"do": "run"})
    assert waiting().count() == 1
    browser.post(address, {"do": "delete"})
    assert not Schedule.objects.filter(pk=one.pk).exists()
    assert browser_of(bob).post(address, {"do": "run"}).status_code == 403
    assert "Run now" not in browser_of(bob).get("/schedules/").text


def test_the_admin_site_changes_when_and_makes_nothing_up(dave: User, browser_of: BrowserOf) -> None:
    one = _schedule(Job.SCORE, due=timedelta(days=2), enabled=False)
    form = {"enabled": "on", "time_of_day": "05:45", "every_days": "2"}
    assert browser_of(dave).post(f"/admin/predictions/schedule/{one.pk}/change/", form).status_code == 302
    one.refresh_from_db()
    assert (one.enabled, one.time_of_day, one.every_days) == (True, time(5, 45), 2)
    assert one.next_run_at > timezone.now()
