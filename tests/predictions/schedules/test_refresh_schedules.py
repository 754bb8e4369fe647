"""Refreshes made when a universe's bars are final, and what follows them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from instruments.calendars.exchange import exchange_sessions
from instruments.imports.due import next_final
from instruments.models import CalendarSession, Feature, Instrument, Series, Source, Universe
from instruments.quant.calendars import ALWAYS, OWN, as_date
from predictions.models import Recommendation, RecommendationSet, Schedule
from predictions.recommendations.make import recommendations_make
from predictions.schedules import services
from predictions.schedules.chain import RETRY_AFTER, chains_continue
from tests.instruments.imports.replayed import add_instruments, add_source, as_csv
from tests.instruments.sources.vendor import Vendor, text
from tests.people import BrowserOf
from tests.predictions.advised import advised, day_of
from tests.predictions.schedules.test_schedules import carry_next, last_run
from tests.training.quant.noise import noise_bars
from tests.training.universe import SYMBOLS, make_universe
from training.models import Status, TrainingRun
from training.queue import leases
from training.recipes.refresh.spec import RefreshSpec
from training.runs.refreshes import refresh_start

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def fill(*calendars: str) -> None:
    """Their sessions of 2026."""
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    for calendar in calendars:
        sessions = exchange_sessions(calendar, first, last)
        CalendarSession.objects.bulk_create(
            CalendarSession(calendar=calendar, day=as_date(day), closes_at=datetime.fromtimestamp(close, UTC))
            for day, close in zip(sessions.days.tolist(), sessions.closes.tolist(), strict=True)
        )


def finals(source: str, universe: str, start: str, count: int) -> list[str]:
    """The next moments (UTC) after `start`."""
    moment, texts = datetime.fromisoformat(start).replace(tzinfo=UTC), []
    for _ in range(count):
        moment = next_final(source, universe, moment)
        texts.append(moment.strftime("%m-%d %H:%M"))
    return texts


def test_it_is_due_when_the_last_calendar_of_the_day_has_closed(carol: User, shop: Vendor, settings: Any) -> None:
    fill("XNYS", "XPAR")
    add_source(carol, shop, settings)
    Source.objects.create(name="tiingo", kind="tiingo")
    for name, calendars in {"ny": ["XNYS"], "paris": ["XPAR"], "both": ["XNYS", "XPAR"], "coins": [ALWAYS]}.items():
        for calendar in calendars:
            add_instruments([f"{name}-{calendar}"[:30]], calendar)
        members = Instrument.objects.filter(symbol__startswith=f"{name}-")
        Universe.objects.create(name=name).instruments.set(members)
    assert finals("files", "ny", "2026-03-06", 2) == ["03-06 21:00", "03-09 20:00"]
    assert finals("files", "paris", "2026-03-27", 2) == ["03-27 16:30", "03-30 15:30"]
    assert finals("files", "both", "2026-03-27T12:00", 1) == ["03-27 20:00"]
    assert finals("files", "ny", "2026-11-25T22:00", 2) == ["11-27 18:00", "11-30 21:00"]  # Thanksgiving, a short day
    assert finals("tiingo", "ny", "2026-03-06T02:00", 2) == ["03-07 01:00", "03-10 00:00"]
    assert finals("files", "coins", "2026-03-06T01:00", 2) == ["03-07 00:00", "03-08 00:00"]
    Instrument.objects.update(calendar="")
    assert finals("files", "ny", "2026-03-06T01:00", 2) == ["03-07 00:00", "03-10 00:00"]
    assert finals("gone", "none", "2026-03-06T01:00", 1) == ["03-07 00:00"]


def test_a_page_makes_it_and_changes_it(carol: User, browser_of: BrowserOf, shop: Vendor, settings: Any) -> None:
    add_source(carol, shop, settings)
    add_instruments(["A"])
    browser = browser_of(carol)
    body = {"source": "files", "universe": "all", "features": "on"}
    assert browser.post("/schedules/refresh", body)["Location"] == "/schedules/"
    schedule = Schedule.objects.get()
    assert (schedule.job, schedule.computes_features, schedule.time_of_day) == ("refresh", True, None)
    assert schedule.next_run_at.time() == time(0, 10)  # a market that never closes, and ten minutes
    page = browser.get("/schedules/").text
    assert "From files, then recommend and score; with the table of features" in page
    browser.post(f"/schedules/{schedule.pk}/change", {"do": "delay", "delay_minutes": "45"})
    schedule.refresh_from_db()
    assert schedule.next_run_at.time() == time(0, 45)
    assert (
        "0 to 1439"
        in browser.get(
            browser.post(f"/schedules/{schedule.pk}/change", {"do": "delay", "delay_minutes": "x"})["Location"]
        ).text
    )
    browser.post("/schedules/refresh", {**body, "features": ""})
    assert Schedule.objects.count() == 1
    assert browser.post("/schedules/refresh", {**body, "source": "none"}).status_code == 404
    assert AuditEntry.objects.filter(action__startswith="schedule.").count() == 3
    browser.post("/schedules/new", {"universe": "all"})
    assert Schedule.objects.filter(job="refresh").count() == 1 and Schedule.objects.count() > 3


class Market:
    """The universe `few`, whose vendor has ten bars more than are stored."""

    def __init__(self, shop: Vendor) -> None:
        for symbol in SYMBOLS:
            shop.routes[f"/{symbol}.csv"] = text(as_csv(noise_bars(430, seed=sum(map(ord, symbol)))))


def scheduled(carol: User, *, due: timedelta = timedelta(0), **more: Any) -> Schedule:
    schedule = services.refresh_schedule_create(source="files", universe="few", features=False, user=carol)
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=timezone.now() - due, **more)
    return Schedule.objects.get(pk=schedule.pk)


def work() -> list[str]:
    """What housekeeping starts and workers do, until there is nothing left, in its order; without the model's own."""
    kinds: list[str] = []
    while True:
        services.schedules_start()
        chains_continue()
        run = carry_next()
        if run is None:
            return kinds
        kinds += [f"{run.kind} {run.status}"] if run.kind in ("refresh", "recommend", "score") else []


def test_recommendations_and_scores_follow_the_data(carol: User, shop: Vendor, settings: Any) -> None:
    model = advised()
    Instrument.objects.update(calendar=OWN)
    earlier, _ = recommendations_make(model=model, as_of=None)
    add_source(carol, shop, settings)
    Market(shop)
    schedule = scheduled(carol, computes_features=True)
    assert work() == ["refresh completed", "recommend completed", "score completed"]
    assert last_run(schedule).result["features_written"] > 0 and Feature.objects.exists()
    newest = RecommendationSet.objects.latest("pk")
    assert newest.as_of == day_of(429) > earlier.as_of
    assert Recommendation.objects.filter(set=earlier, scored_at__isnull=False).count() == len(SYMBOLS)
    assert set(Series.objects.values_list("rows", flat=True)) == {430}
    assert schedule.next_run_at > timezone.now() and schedule.followed_run_id == schedule.run_id
    assert work() == []
    assert not TrainingRun.objects.filter(kind="recommend", counts=True).exists()


def test_without_a_model_only_scores_follow(carol: User, shop: Vendor, settings: Any) -> None:
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    Market(shop)
    scheduled(carol)
    assert work() == ["refresh completed", "score completed"]


def test_nothing_follows_a_refresh_that_failed(carol: User, shop: Vendor, settings: Any) -> None:
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    scheduled(carol)
    assert work() == ["refresh failed"]


def failed(schedule: Schedule, *, close: datetime) -> Schedule:
    """Due now and failed, and seen to by two hosts; the next close is at `close`."""
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=timezone.now())
    services.schedules_start()
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=close)
    run = carry_next()
    assert run and run.status == Status.FAILED
    for _ in range(2):
        chains_continue()
    schedule.refresh_from_db()
    return schedule


def waited(schedule: Schedule) -> timedelta:
    finished_at = last_run(schedule).finished_at
    assert finished_at is not None
    return schedule.next_run_at - finished_at


def test_one_that_failed_is_tried_again_before_the_next_close(
    carol: User, shop: Vendor, settings: Any, browser_of: BrowserOf
) -> None:
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    schedule, close = scheduled(carol), timezone.now() + timedelta(days=2)
    for wait in RETRY_AFTER:
        assert waited(failed(schedule, close=close)) == wait
        assert work() == []  # not before
    assert "again, as it failed" in browser_of(carol).get("/schedules/").text
    assert failed(schedule, close=close).next_run_at == close  # that was the last
    soon = timezone.now() + timedelta(minutes=10)
    assert failed(schedule, close=soon).next_run_at == soon
    assert waited(failed(schedule, close=close)) == RETRY_AFTER[0]  # each close has its own
    Market(shop)
    Schedule.objects.update(next_run_at=timezone.now())
    assert work() == ["refresh completed", "score completed"]
    schedule.refresh_from_db()
    assert schedule.retries == 0 and schedule.next_run_at == services.next_due(schedule, timezone.now())
    assert "again, as it failed" not in browser_of(carol).get("/schedules/").text


def test_a_refresh_asked_for_meanwhile_makes_the_next_try_needless(carol: User, shop: Vendor, settings: Any) -> None:
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    schedule = failed(scheduled(carol), close=timezone.now() + timedelta(days=2))
    Market(shop)
    services.schedule_run_now(schedule=schedule, user=carol)
    assert work() == ["refresh completed", "score completed"]
    schedule.refresh_from_db()
    assert schedule.retries == 0 and schedule.next_run_at == services.next_due(schedule, timezone.now())


def test_what_is_cancelled_or_off_is_not_tried_again(carol: User, shop: Vendor, settings: Any) -> None:
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    schedule = scheduled(carol)
    services.schedules_start()
    schedule.refresh_from_db()
    close = schedule.next_run_at
    leases.request_cancel(last_run(schedule).pk)
    assert work() == []
    schedule.refresh_from_db()
    assert schedule.next_run_at == close and last_run(schedule).status == Status.CANCELLED
    Schedule.objects.update(next_run_at=timezone.now())
    services.schedules_start()
    services.schedule_switch(schedule=schedule, user=carol, on=False)
    assert work() == ["refresh failed"]
    schedule.refresh_from_db()
    assert (schedule.retries, schedule.next_run_at) == (0, close)


def test_each_step_is_made_once_whoever_looks(carol: User, shop: Vendor, settings: Any) -> None:
    """Killed between the steps, or between a step and its note that it was made."""
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    Market(shop)
    schedule = scheduled(carol)
    services.schedules_start()
    services.schedules_start()
    assert carry_next()
    for _ in range(3):
        chains_continue()
        Schedule.objects.filter(pk=schedule.pk).update(followed_run_id="")
    assert TrainingRun.objects.filter(kind="score").count() == 1


def test_a_source_that_is_being_asked_stays_due(carol: User, shop: Vendor, settings: Any) -> None:
    make_universe()
    Instrument.objects.update(calendar=OWN)
    add_source(carol, shop, settings)
    Market(shop)
    clicked, _ = refresh_start(spec=RefreshSpec("files", "few"), user=carol)
    schedule = scheduled(carol, due=timedelta(minutes=1))
    services.schedules_start()
    services.schedule_run_now(schedule=schedule, user=carol)
    assert TrainingRun.objects.count() == 1
    assert work() == ["refresh completed", "refresh completed", "score completed"]
    clicked.refresh_from_db()
    assert clicked.status == Status.COMPLETED and last_run(schedule).result["sources"][0]["inserted"] == 0
