"""The tables of schedules and of the scorecard's months, which are sorted in memory."""

import csv
import re
from dataclasses import asdict
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from predictions.models import RecommendationSet, Schedule
from predictions.quant.score import DayScore
from predictions.schedules.services import schedules_create
from predictions.web.tables import SCORECARD
from tests.people import BrowserOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def advice(version: str, day: str, *, buys: int, hits: int, replay: bool = False) -> None:
    score = DayScore(scored=10, buys=buys, buy_hits=hits, holds=10 - buys, promised=buys * 0.5, rose=3, earned=0.1)
    RecommendationSet.objects.create(
        version=version,
        universe="few",
        horizon=5,
        buy_threshold=0.05,
        sell_threshold=-0.02,
        promise={"precision": 0.4, "interval": [0.3, 0.5]},
        as_of=date.fromisoformat(day),
        in_sample=False,
        replay=replay,
        made_at=timezone.now(),
        is_open=False,
        score=asdict(score),
    )


def test_the_months_of_each_model_are_sorted_and_all_of_them_exported(bob: User, browser_of: BrowserOf) -> None:
    for day, hits in (("2020-01-10", 2), ("2020-02-10", 4), ("2020-03-10", 1)):
        advice("universe-b", day, buys=4, hits=hits)
    advice("universe-a", "2020-01-10", buys=0, hits=0)
    advice("universe-a", "2020-02-10", buys=4, hits=4, replay=True)
    browser, month = browser_of(bob), re.compile(r">(20\d\d-\d\d)</td>")
    page = browser.get("/recommendations/scorecard/").text
    assert month.findall(page) == ["2020-01", "2020-02", "2020-03", "2020-01", "2020-02"]
    page = browser.get("/recommendations/scorecard/", {"sort": "-realised"}).text
    assert month.findall(page) == ["2020-02", "2020-01", "2020-03", "2020-01", "2020-02"]
    assert "5 months with a score" in page and 'aria-sort="descending"' in page
    text = browser.get("/recommendations/scorecard/", {"format": "csv", "sort": "-realised"}).getvalue().decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == [column.name for column in SCORECARD.columns + SCORECARD.more]
    assert [(row["model"], row["month"], row["realised"], row["replay"]) for row in rows] == [
        ("universe-b", "2020-02", "1.0", "no"),
        ("universe-a", "2020-02", "1.0", "yes"),
        ("universe-b", "2020-01", "0.5", "no"),
        ("universe-b", "2020-03", "0.25", "no"),
        ("universe-a", "2020-01", "", "no"),
    ]


def test_schedules_are_sorted_filtered_and_exported(carol: User, bob: User, browser_of: BrowserOf) -> None:
    for universe in ("few", "more"):
        schedules_create(universe=universe, user=carol)
    Schedule.objects.filter(job="retrain").update(enabled=False)
    browser, job = browser_of(bob), re.compile(r"<td><strong>([^<]+)</strong>")
    jobs = job.findall(browser.get("/schedules/", {"sort": "-job"}).text)
    assert len(jobs) == Schedule.objects.count() and jobs == sorted(jobs, reverse=True)
    page = browser.get("/schedules/", {"sort": "next"}).text
    assert job.findall(page)[-2:] == ["Retrain", "Retrain"]  # those that are off have no next run
    page = browser.get("/schedules/", {"text": "MORE"}).text
    assert ">few<" not in page and page.count(">more<") == len(job.findall(page)) >= 2
    assert "No schedule matches" in browser.get("/schedules/", {"text": "<b>"}).text
    text = browser.get("/schedules/", {"format": "csv", "text": "retrain"}).getvalue().decode()
    states = [(row["job"], row["universe"], row["state"], row["next"]) for row in csv.DictReader(text.splitlines())]
    assert states == [("Retrain", "few", "off", ""), ("Retrain", "more", "off", "")]
