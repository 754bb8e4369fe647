"""Runs side by side: only what differs, the paired test, the spreadsheet."""

import csv
import io

import numpy as np
import pytest
from django.contrib.auth.models import User

from boursomatic.shared.csv import csv_text
from tests.market import candle
from tests.people import BrowserOf
from tests.predictions.trained import trained
from tests.training.run_builders import make_run
from training.models import Status
from training.quant.stats.paired import paired_auc_test


@pytest.mark.db_both
def test_it_shows_what_differs_and_the_paired_test(alice: User, bob: User, browser_of: BrowserOf) -> None:
    first = trained()
    second = trained(params={"num_leaves": 15}, candle_date=candle(280))
    page = browser_of(bob).get(f"/runs/compare?runs={first.run_id}&runs={second.run_id}")
    text = page.content.decode()
    assert page.status_code == 200
    assert "Num leaves" in text and "Learning rate" not in text
    assert "p of the difference" in text and "99 candles from 2019-02-25" in text
    answer = browser_of(bob).get(f"/runs/compare?runs={first.run_id},{second.run_id}&format=csv")
    table = {row[0]: row[1:] for row in csv.reader(io.StringIO(answer.content.decode()))}
    assert table[""] == [first.run_id, second.run_id]
    assert table["Num leaves"] == ["31", "15"]
    assert float(table["Test: AUC"][0]) == first.result["test_metrics"]["auc"]
    assert 0 < float(table["Common candles: p"][1]) <= 1
    same = browser_of(bob).get(f"/runs/compare?runs={first.run_id}&runs={first.run_id}")
    assert same.status_code == 400


@pytest.mark.db_both
def test_it_says_why_runs_cannot_be_compared(alice: User, browser_of: BrowserOf) -> None:
    failed, other = make_run(alice, status=Status.FAILED), make_run(alice, status=Status.COMPLETED)
    for names, sentence in (
        ("", "Choose 2 to 8 runs"),
        ("a", "1 were named"),
        (",".join("abcdefghi"), "9 were named"),
        ("a,b", "There is no run a"),
        (f"{other.run_id},{failed.run_id}", "is failed: only completed"),
    ):
        answer = browser_of(alice).get(f"/runs/compare?runs={names}")
        assert answer.status_code == 400 and sentence in answer.content.decode()


def test_it_finds_a_real_difference_and_none_between_equals() -> None:
    rng = np.random.default_rng(1)
    up = rng.integers(0, 2, 400).astype(float)
    good, poor = up + rng.normal(0, 1, 400), rng.normal(0, 1, 400)
    found = paired_auc_test(up, poor, good)
    assert found is not None and found.p_value < 0.001 and found.difference > 0.15
    back = paired_auc_test(up, good, poor)
    assert back is not None and back.difference == pytest.approx(-found.difference)
    equal = paired_auc_test(up, good, good)
    assert equal is not None and (equal.difference, equal.p_value) == (0, 1)
    assert paired_auc_test(np.ones(5), good[:5], poor[:5]) is None


def test_it_rejects_equals_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(2)
    rejected = 0
    for _ in range(200):
        up = rng.integers(0, 2, 60).astype(float)
        shared = rng.normal(0, 1, 60)
        found = paired_auc_test(up, shared + rng.normal(0, 1, 60), shared + rng.normal(0, 1, 60))
        rejected += found is not None and found.p_value < 0.05
    assert rejected <= 19  # a test of exactly 5 % rejects more of 200 once in 300 times


def test_it_gives_a_spreadsheet_no_formula() -> None:
    text = csv_text([["=1+1", "+2", "-2", "@x", "\tx", "a=b", -2.5, None]])
    assert text == "'=1+1,'+2,'-2,'@x,'\tx,a=b,-2.5,\n"
