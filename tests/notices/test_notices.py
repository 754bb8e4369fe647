"""Notices: who gets which, what is new to whom, and that none is lost, doubled or kept for ever."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from boursomatic.notices.housekeeping import notices_keep
from boursomatic.notices.models import Notice, NoticeKind, NoticesSeen
from boursomatic.notices.services import notice_make, visible_to
from tests.people import BrowserOf
from tests.training.results import universe_result
from tests.training.run_builders import make_model, make_run
from training.models import Status, TrainingRun
from training.queue import leases
from training.registry.activation import model_activate, model_deactivate
from training.runs.services import run_cancel

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
DAY = date(2026, 11, 27)


def _kinds(user: User) -> list[str]:
    return [notice.kind for notice in visible_to(user)]


def _bell(browser: Client, path: str = "/account/") -> str:
    """What the bell says."""
    text: str = browser.get(path).text
    if 'class="bell-count' not in text:
        return ""
    return text.partition('class="bell-count figures">')[2].partition("<")[0]


def _ended(run: TrainingRun, status: str, **more: str) -> None:
    token = leases.claim(run.pk, host="h", pid=1)
    assert token and leases.finish(run.pk, token, status=status, **more)


def test_the_end_of_a_run_is_told_to_who_asked_for_it(alice: User, carol: User, browser_of: BrowserOf) -> None:
    _ended(make_run(alice), Status.COMPLETED)
    _ended(make_run(alice, universe="few", kind="universe"), Status.FAILED, error="Too little data.")
    texts = list(visible_to(alice).values_list("text", flat=True))
    assert texts == ["Universe run of few failed. Too little data.", "Candle run completed."]
    assert _kinds(carol) == []
    page = browser_of(alice).get("/notices/").text
    assert all(f'href="/runs/{run.run_id}/"' in page for run in TrainingRun.objects.all())


def test_nobody_is_told_of_parts_schedules_commands_and_cancels(alice: User) -> None:
    walk = make_run(alice, kind="walk")
    _ended(make_run(alice, kind="fold", parent=walk), Status.COMPLETED)
    _ended(make_run(alice, counts=False), Status.COMPLETED)
    _ended(make_run(None), Status.COMPLETED)
    run_cancel(run=walk, user=alice)
    assert not Notice.objects.exists()


def test_a_run_that_lost_its_worker_for_good_has_ended(alice: User) -> None:
    run = make_run(alice)
    for _ in range(leases.MAX_ATTEMPTS):
        assert not Notice.objects.exists()
        token = leases.claim(run.pk, host="h", pid=1)
        assert token and leases.requeue(run.pk, token, "The worker was lost")
    assert "failed. The worker was lost" in Notice.objects.get(to=alice).text


def test_an_active_model_that_changes_is_told_to_everybody(alice: User, bob: User, carol: User, stranger: User) -> None:
    result = universe_result(universe="few", as_of="2030-01-01")
    run = make_run(alice, kind="universe", status=Status.COMPLETED, config={"universe": "few"}, result=result)
    model = make_model(run, kind="universe", series=None, universe="few", horizon=20)
    model_activate(model=model, user=carol, reason="the best so far", override=True)
    model_deactivate(model=model, user=carol, reason="it drifts")
    for user in (alice, bob, carol):
        assert [notice.text for notice in visible_to(user)] == [
            "few 1d, 20 trading days: deactivated by carol. it drifts",
            "few 1d, 20 trading days: activated by carol. the best so far",
        ]
    assert _kinds(stranger) == []


def test_an_account_without_a_role_is_told_to_admins_once(
    dave: User, bob: User, stranger: User, browser_of: BrowserOf
) -> None:
    notices_keep()
    assert not Notice.objects.exists()  # whoever made the account is about to give it a role
    User.objects.update(date_joined=timezone.now() - timedelta(hours=1))
    User.objects.create_superuser("root", date_joined=timezone.now() - timedelta(hours=1))
    notices_keep()
    notices_keep()
    assert [notice.subject for notice in visible_to(dave)] == ["stranger"] and _kinds(bob) == []
    browser = browser_of(dave)
    assert browser.get(visible_to(dave)[0].get_absolute_url()).status_code == 200
    assert "Account without a role</option>" in browser.get("/notices/").text
    assert "Account without a role</option>" not in browser_of(bob).get("/notices/").text


def test_what_is_of_a_day_is_noticed_once(bob: User) -> None:
    for _ in range(2):
        notice_make(NoticeKind.STALE, "universe-1", "Old.", day=DAY)
    notice_make(NoticeKind.STALE, "universe-1", "Older.", day=DAY + timedelta(days=1))
    assert _kinds(bob) == ["stale", "stale"]


def test_what_is_new_is_told_to_each_until_seen(bob: User, carol: User, browser_of: BrowserOf) -> None:
    first, second = browser_of(bob), browser_of(carol)
    assert _bell(first) == ""
    for number in range(3):
        notice_make(NoticeKind.SCORES, f"universe-{number}", "Other scores.", day=DAY)
    assert _bell(first) == _bell(second) == "3"
    page = first.get("/notices/").text
    assert page.count(">new</span>") == 3 and 'hx-trigger="load"' in page
    newest = Notice.objects.latest("pk").pk
    notice_make(NoticeKind.SCORES, "universe-9", "Other scores.", day=DAY)  # after the page was made
    shown = first.post("/notices/seen", {"upto": newest}, headers={"HX-Request": "true"}).text
    assert 'id="bell"' in shown and ">1<span" in shown
    assert (_bell(first), _bell(second)) == ("1", "4")
    assert first.get("/notices/").text.count(">new</span>") == 1
    for upto in (1, "", "x", 9**17):
        assert first.post("/notices/seen", {"upto": upto})["Location"] == "/notices/"
    assert _bell(first) == "" and NoticesSeen.objects.get().upto == Notice.objects.latest("pk").pk


def test_what_was_before_an_account_is_not_new_to_it(bob: User, browser_of: BrowserOf) -> None:
    notice_make(NoticeKind.STALE, "universe-1", "Old.", day=DAY)
    Notice.objects.update(made_at=bob.date_joined - timedelta(seconds=1))
    assert _bell(browser_of(bob)) == "" and _kinds(bob) == ["stale"]


def test_the_bell_costs_a_page_one_query(bob: User, browser_of: BrowserOf) -> None:
    browser, counts = browser_of(bob), []
    for number in range(120):
        notice_make(NoticeKind.SCORES, f"universe-{number}", "Other scores.", day=DAY)
    for path in ("/docs/", "/workers/"):
        with CaptureQueriesContext(connection) as queries:
            assert _bell(browser, path) == "99+"
        counts.append([query["sql"] for query in queries if "notices_" in query["sql"]])
    assert [len(asked) for asked in counts] == [1, 1]
    if connection.vendor == "sqlite":  # PostgreSQL reads so few rows as they lie
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {counts[0][0]}")
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert plan.count("notice_person (to_id=? AND id>?)") == 2


def test_the_table_sorts_filters_and_is_taken_away(bob: User, browser_of: BrowserOf) -> None:
    notice_make(NoticeKind.STALE, "universe-1", "Old.", day=DAY, details={"universe": "few"})
    notice_make(NoticeKind.RECOMMENDATIONS, "universe-2", "few: 1 BUY.", day=DAY)
    notice_make(NoticeKind.FEATURES, "universe-3", "Strange.", day=DAY)
    browser = browser_of(bob)
    page = browser.get("/notices/?kind=stale").text
    assert "universe-1" in page and "universe-2" not in page and 'href="/universes/few/"' in page
    page = browser.get("/notices/?sort=kind").text
    assert page.index("universe-3") < page.index("universe-2") < page.index("universe-1")
    lines = b"".join(browser.get("/notices/?format=csv&sort=-made").streaming_content).decode().splitlines()
    assert lines[0] == "kind,text,day,made,subject,address" and len(lines) == 4
    assert lines[1].startswith("Features have drifted,Strange.,2026-11-27,")
    assert lines[2].endswith(",/recommendations/?version=universe-2&day=2026-11-27")
    assert "No notices of this kind" in browser.get("/notices/?kind=precision").text


def test_notices_are_kept_for_a_year(bob: User) -> None:
    for age in (400, 370, 300):
        made = notice_make(NoticeKind.STALE, f"universe-{age}", "Old.", day=DAY)
        assert made
        Notice.objects.filter(pk=made.pk).update(made_at=timezone.now() - timedelta(days=age))
    notices_keep()
    assert [notice.subject for notice in visible_to(bob)] == ["universe-300"]


def test_one_of_an_account_without_a_role_leads_to_where_it_is_given_one() -> None:
    notice = notice_make(NoticeKind.ACCOUNT, "erin", "No role.")
    assert notice and notice.get_absolute_url() == "/members/" and notice.is_warning
