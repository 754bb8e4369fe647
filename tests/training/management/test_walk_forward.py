"""`walk_forward`: each fold judged by models of its own past, all of them as one, and counted as a try."""

import io
import json
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from instruments.models import Series
from instruments.store.read_bars import load_bars
from tests.training.universe import change_after, make_universe, trained_universe
from training.models import ModelVersion, Trial
from training.runs.as_json import run_json

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.slow]


def _walk(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    options = ("--universe", "few", "--horizon", "5", "--folds", "3", "--step", "30", "--json")
    call_command("walk_forward", *options, *arguments, stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def test_it_judges_every_fold_by_its_own_past() -> None:
    make_universe()
    days = [str(np.datetime64(int(t), "s"))[:10] for t in load_bars(Series.objects.all()[0]).time]
    said = _walk()
    folds = [{name: days.index(fold[name]) for name in ("train_last", "first", "last")} for fold in said["folds"]]
    assert [fold["first"] - fold["train_last"] for fold in folds] == [5, 5, 5]
    assert [fold["last"] - fold["first"] + 1 for fold in folds] == [30, 30, 30]
    assert folds[1]["first"] == folds[0]["last"] + 1 and folds[2]["last"] == len(days) - 1 - 5
    assert said["pooled"]["rows"] == sum(fold["rows"] for fold in said["folds"]) == 6 * 90
    assert said["pooled"]["buys"] == sum(fold["buys"] for fold in said["folds"])
    assert len(said["curve"]["days"]) == len(said["curve"]["long_short"]) == 90
    assert said["verdict"]["days"] == 89 and said["verdict"]["windows"] == 3  # the first day enters the positions
    assert not ModelVersion.objects.exists()


def found_by(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what names this one run."""
    own = ("run_id", "timestamp", "created_at", "started_at", "finished_at")
    return {name: value for name, value in answer.items() if name not in own}


def test_it_trains_on_a_rolling_window_when_told_to() -> None:
    make_universe()
    expanding, rolling = _walk(), _walk("--window", "rolling")
    assert expanding["folds"][0] == rolling["folds"][0]
    assert expanding["folds"][2] != rolling["folds"][2]


def test_it_counts_as_a_trial_once() -> None:
    run = trained_universe()
    first, again = _walk(), _walk()
    assert found_by(first) == found_by(again) and Trial.objects.count() == 2
    assert (run_json(run)["verdict"]["trial"], first["verdict"]["trial"]) == (1, 2)  # fixed, each at its completion


def test_it_changes_no_fold_when_later_bars_change() -> None:
    series = make_universe()
    before = _walk()["folds"][0]
    bars = load_bars(series[0])
    day = [str(np.datetime64(int(t), "s"))[:10] for t in bars.time].index(before["last"]) + 6
    for one in series:
        change_after(one, load_bars(one), day)
    assert _walk()["folds"][0] == before


def test_it_says_what_is_missing() -> None:
    make_universe(bars=220)
    with pytest.raises(CommandError, match=r"Too little data: 155 days .* 3 folds of 30 days need 195"):
        _walk()
    with pytest.raises(CommandError, match="a whole number from 1 to 100"):
        _walk("--folds", "0")
