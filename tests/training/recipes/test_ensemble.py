"""An ensemble: several candle runs of one series asked together, a model of its own, judged where nobody has looked."""

import csv
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from instruments.models import PriceBar
from predictions.candle.ask import ask
from predictions.candle.ensemble_card import SNIPPET
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.predictions.trained import add_bar
from tests.training.carrying import carried, carry
from training.artifacts.integrity import inventory
from training.artifacts.loading import stored_model
from training.artifacts.storage import artifact_storage
from training.errors import RunRefused
from training.models import ModelVersion, TrainingRun
from training.quant.candle.spec import SpecError, parse_time
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.verification.execute import verification
from training.registry.activation import model_activate
from training.runs.as_json import run_json
from training.runs.deletion import sweep_deleted
from training.runs.services import follow_up_create, run_create, run_delete

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/training/ensembles"
MEMBERS: list[dict[str, Any]] = [
    {"candle_date": candle(430), "train_years": 1.0, "protocol": "steady"},
    {"candle_date": candle(450), "train_years": 1.5, "protocol": "steady"},
    {"candle_date": candle(450), "train_years": 1.5, "model": "logistic", "feature_set": "poc16"},
]


@pytest.fixture
def members(alice: User) -> list[TrainingRun]:
    make_series()
    return [carried({"symbol": "SPY", "confirm": False, **body}, user=alice) for body in MEMBERS]


def names(runs: list[TrainingRun]) -> list[str]:
    return [run.run_id for run in runs]


def ensemble(members: list[TrainingRun], how: str = "mean", user: User | None = None) -> TrainingRun:
    return carry(run_create(spec=parse_ensemble({"run_ids": names(members), "how": how}), user=user))


def files_read_anew(run: TrainingRun) -> None:
    """What is in memory of a run's model is read again at its next use."""
    for path in Path(artifact_storage().path(run.model_version.folder)).iterdir():
        path.touch()


def spoken(run: TrainingRun) -> np.ndarray:
    return ask(run=run, series=None, start=None, end=None).output.probability


def test_it_says_the_mean_of_what_its_members_say(members: list[TrainingRun]) -> None:
    run = ensemble(members)
    np.testing.assert_array_equal(spoken(run), np.mean([spoken(member) for member in members], axis=0))
    thresholds = [stored_model(name).threshold for name in names(members)]
    assert stored_model(run.run_id).threshold == pytest.approx(np.mean(thresholds))


def test_of_ranks_it_says_the_mean_among_each_members_training_candles(members: list[TrainingRun]) -> None:
    ranks = []
    for member in members:
        asked = ask(run=member, series=None, start=None, end=None)
        split = member.result["splits"]["train"]
        first, last = (int(parse_time(split[name]).timestamp()) for name in ("first", "last"))
        reference = asked.output.probability[(asked.bars.time >= first) & (asked.bars.time <= last)]
        p = asked.output.probability[:, None]
        ranks.append((np.mean(reference < p, axis=1) + np.mean(reference <= p, axis=1)) / 2)
    defined = ~np.isnan(answer := spoken(ensemble(members, "rank")))
    np.testing.assert_allclose(answer[defined], np.mean(ranks, axis=0)[defined])


def test_it_stands_at_the_last_candle_whatever_the_order_of_its_members(members: list[TrainingRun]) -> None:
    run, other = ensemble(members), ensemble(members[::-1])
    assert run.config["candle"] == candle(450) and run.result["splits"]["test"]["first"] == candle(450)
    assert run.result["splits"]["train"]["first"] == members[1].result["splits"]["train"]["first"]  # all have features
    assert (run.params_hash, run.result["model_hash"]) == (other.params_hash, other.result["model_hash"])
    assert run.trial_id == other.trial_id  # the same configuration is one trial
    assert ensemble(members, "rank").params_hash != run.params_hash != ensemble(members[:2]).params_hash


@pytest.mark.parametrize("how", ["mean", "rank"])
def test_it_is_made_again_to_the_bit_by_training_all_members(members: list[TrainingRun], how: str) -> None:
    run = ensemble(members, how)
    verified = verification(run, lambda *_: None)
    assert verified["identical"] and verified["truncation_identical"] and verified["differs"] == []
    PriceBar.objects.filter(timestamp=parse_time(candle(400))).update(close=1.0, adj_close=1.0, low=0.9)
    assert verification(run, lambda *_: None)["differs"] == ["data"]


def test_it_is_confirmed_once_when_there_are_outcomes_that_nobody_has_seen(
    members: list[TrainingRun], alice: User
) -> None:
    run = ensemble(members)
    assert run.seen_until == parse_time(candle(485)) and run.jobs.count() == 0
    verdict = run_json(run)["verdict"]
    assert (verdict["p_value"], verdict["label"], verdict["trial"]) == (None, "no_evidence", 4)
    assert "nothing unseen to judge it by before 2019-11-11" in verdict["sentence"]
    confirmation = carry(follow_up_create(verb="confirm", run=run, user=alice))
    windows = confirmation.result["windows"]
    assert [window["seen"] for window in windows] == [True] * (len(windows) - 3) + [False] * 3
    assert [window["decision"] for window in windows[-3:]] == [candle(485 + 35 * number) for number in range(3)]
    assert confirmation.result["evidence"]["rows"] == 105 and confirmation.result["logistic"]["rows"] == 105
    assert run_json(run)["verdict"]["p_value"] == confirmation.result["evidence"]["p_value"]
    assert follow_up_create(verb="confirm", run=run, user=alice) == confirmation


def test_its_noise_control_trains_all_members(members: list[TrainingRun], alice: User) -> None:
    control = carry(follow_up_create(verb="control", run=ensemble(members), user=alice))
    assert len(control.result["rotated"]) == 30


def test_of_live_runs_it_is_live_and_scored_as_candles_come(alice: User) -> None:
    series = make_series(bars=600)
    live = {"symbol": "SPY", "candle_date": candle(599), "live": True, "confirm": False, "protocol": "steady"}
    run = ensemble([carried({**live, "train_years": years}, user=alice) for years in (1.0, 2.0)])
    assert run.config["live"] and run.seen_until == parse_time(candle(599)) and not run.detail["test_rows"]
    add_bar(series, close=130.0)
    assert run_json(run)["live_score"]["candles"] == 1


def test_what_live_members_have_shown_since_and_what_later_confirmations_have_is_seen_too(alice: User) -> None:
    make_series(bars=600)
    base = {"symbol": "SPY", "confirm": False, "protocol": "steady"}
    live = [
        carried({**base, "candle_date": candle(590), "live": True, "train_years": years}, user=alice)
        for years in (1.0, 2.0)
    ]
    assert parse_ensemble({"run_ids": names(live)}).seen_until == candle(599)
    searched = [
        carried({**base, "candle_date": candle(450), "seen_until": candle(500), "train_years": years}, user=alice)
        for years in (1.0, 1.5)
    ]
    assert parse_ensemble({"run_ids": names(searched)}).seen_until == candle(500)
    carry(follow_up_create(verb="confirm", run=searched[0], user=alice))
    assert parse_ensemble({"run_ids": names(searched)}).seen_until == candle(570)


def test_it_goes_on_working_when_its_members_are_gone(
    members: list[TrainingRun], alice: User, browser_of: BrowserOf
) -> None:
    run = ensemble(members, "rank", alice)
    before = spoken(run)
    for member in members:
        run_delete(run=member, user=alice)
    TrainingRun.objects.filter(pk__in=[member.pk for member in members]).update(deleted_at=parse_time(candle(0)))
    assert sweep_deleted(10) == 3
    files_read_anew(run)
    np.testing.assert_array_equal(spoken(run), before)
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert page.count('<span class="muted">deleted</span>') == 3 and members[0].run_id in page
    checked = inventory()
    assert not checked.missing and not checked.changed


def test_a_changed_file_of_a_member_is_not_used(members: list[TrainingRun]) -> None:
    run = ensemble(members)
    folder = Path(artifact_storage().location) / run.model_version.folder
    manifest = folder / "member_02_manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(RunRefused, match=r"integrity: member_02_manifest\.json has changed"):
        stored_model(run.run_id)


def test_it_takes_the_place_of_an_active_candle_model(members: list[TrainingRun], alice: User) -> None:
    versions = [
        members[0].model_version.version,
        ensemble(members).model_version.version,
        members[1].model_version.version,
    ]
    for version in versions:
        model = ModelVersion.objects.select_related("run", "series__instrument").get(version=version)
        model_activate(model=model, user=alice, reason="a test", override=True)
        assert list(ModelVersion.objects.filter(is_active=True).values_list("version", flat=True)) == [version]


def test_it_is_asked_for_and_answered_over_the_api(members: list[TrainingRun], alice: User, api: ApiOf) -> None:
    body = {"run_ids": names(members)}
    accepted = api(alice).post(ADDRESS, body, content_type="application/json")
    assert accepted.status_code == 202 and accepted.json()["started"]
    run = carry(TrainingRun.objects.get(run_id=accepted.json()["run_id"]))
    answer = api(alice).get(f"/api/training/runs/{run.run_id}").json()
    assert (answer["kind"], answer["status"], answer["seen_until"]) == ("ensemble", "completed", candle(485))
    assert {one["run_id"] for one in answer["members"]} == set(answer["config"]["run_ids"]) == set(names(members))
    model = api(alice).get("/api/models?kind=ensemble").json()[0]
    assert (model["kind"], model["model_hash"]) == ("ensemble", answer["model_hash"])
    rows = api(alice).post(f"/api/poc-predictions/{run.run_id}?start_date={candle(440)[:10]}").json()["predictions"]
    assert [rows[place]["sample"] for place in (0, 10, 44, 45)] == ["train", "test", "test", "after"]


def test_it_refuses_what_can_not_be_members_and_names_the_field(
    members: list[TrainingRun], alice: User, api: ApiOf
) -> None:
    make_series("IBM", seed=2)
    other = carried({"symbol": "IBM", "candle_date": candle(450), "confirm": False, "protocol": "steady"}, user=alice)
    at_open = {"decision": "next_open", "features": ["shape", "raw_o_next"], "train_years": 1.0, "confirm": False}
    opened = carried({"symbol": "SPY", "candle_date": candle(450), **at_open}, user=alice)
    old = TrainingRun.objects.get(pk=members[0].pk)
    TrainingRun.objects.filter(pk=old.pk).update(config={**old.config, "rows_rule": 1})
    own = names(members[1:])
    refused = [
        ({"run_ids": own[:1]}, "run_ids", "2 to 20"),
        ({"run_ids": [f"run_{number}" for number in range(21)]}, "run_ids", "21 were named"),
        ({"run_ids": [own[0], own[0]]}, "run_ids", "named twice"),
        ({"run_ids": [*own, "none"]}, "run_ids", "There is no run none"),
        ({"run_ids": [*own, other.run_id]}, "run_ids", "same instrument"),
        ({"run_ids": names(members)}, "run_ids", "same rule for outcomes"),
        ({"run_ids": [*own, ensemble(members[1:]).run_id]}, "run_ids", "no candle run"),
        ({"run_ids": [*own, opened.run_id]}, "run_ids", "same decision"),
        ({"run_ids": "all"}, "run_ids", "Must be a list"),
        ({}, "run_ids", "Must be a list"),
        ({"run_ids": own, "how": "median"}, "how", "mean, rank"),
        ({"run_ids": own, "how": ["mean"]}, "how", "mean, rank"),
        ({"run_ids": own, "weights": [1, 2]}, "weights", "Unknown field"),
    ]
    for body, field, words in refused:
        answer = api(alice).post(ADDRESS, body, content_type="application/json")
        assert answer.status_code == 400 and words in " ".join(answer.json()[field]), (body, answer.json())
    waiting = run_create(spec=parse_ensemble({"run_ids": own}), user=alice)
    run_delete(run=members[1], user=alice)
    with pytest.raises(SpecError, match="may have been deleted"):
        carry(waiting)


def test_its_zip_says_outside_the_project_what_the_platform_says(
    members: list[TrainingRun], alice: User, browser_of: BrowserOf, tmp_path: Path
) -> None:
    run = ensemble(members, "rank", alice)
    zipped = browser_of(alice).get(f"/models/{run.model_version.version}/folder.zip").content
    zipfile.ZipFile(io.BytesIO(zipped)).extractall(tmp_path)
    columns = ("timestamp", "open", "high", "low", "close", "volume", "adj_close")
    bars = PriceBar.objects.order_by("timestamp").values_list(*columns)
    with (tmp_path / "bars.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("date", *columns[1:]), *((f"{at:%Y-%m-%d}", *prices) for at, *prices in bars)])
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "BOURSO", "PYTHON"))}
    command = [sys.executable, "-W", "ignore", "-c", SNIPPET.format(run_id=run.run_id)]
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, check=True)
    scores = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert scores == spoken(run)[-5:].tolist()
    assert "pip install numpy==" in (tmp_path / run.run_id / "README.md").read_text()


def test_ticked_runs_become_an_ensemble_on_pages(
    members: list[TrainingRun], alice: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(alice)
    assert 'formaction="/training/ensemble/"' in browser.get("/runs/").text
    query = "&".join(f"runs={name}" for name in names(members))
    form = browser.get(f"/training/ensemble/?{query}").text
    assert "outcomes up to 2019-11-11" in form and "At least the 4th trial on SPY" in form
    sent = browser.post(f"/training/ensemble/?{query}", {"how": "rank"})
    run = carry(TrainingRun.objects.get(run_id=sent["Location"].split("/")[2]))
    page = browser.get(f"/runs/{run.run_id}/").text
    for words in ("Ensemble run SPY 1d", "Members", "a mean percentile rank, not a probability", "nothing unseen"):
        assert words in page
    assert all(f'href="/runs/{name}/"' in page for name in names(members)) and "Train again" not in page
    card = browser.get(f"/models/{run.model_version.version}/").text
    assert "ensemble of 3, the mean of the percentile ranks" in card
    assert "ensemble of 3" in browser.get("/predictions/models?symbol=SPY&timeframe=1d").text
    compared = browser.get(f"/runs/compare?runs={run.run_id},{members[0].run_id}").text
    assert "Members" in compared
    assert "2 to 20" in browser.get(f"/training/ensemble/?runs={members[0].run_id}").text
