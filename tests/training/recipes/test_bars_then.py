"""A run made again after its bars were changed: on the bars as they stood, to the bit, and with what changed them."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from instruments.imports.services import bars_write
from instruments.models import BarRevision, Series
from instruments.quant.bars import Bars
from instruments.store.read_bars import load_bars
from instruments.store.revisions import Origin
from instruments.store.write_bars import lock_series, remove_bars
from tests.market import candle, make_series
from tests.people import ApiOf
from tests.training.carrying import carried, carry
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.recipes.test_universe_verify import run_of, verified
from tests.training.recipes.test_walk_forward import ask
from tests.training.universe import make_universe
from training.models import TrainingRun
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.verification.execute import verification
from training.runs.services import follow_up_create, run_create

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY: dict[str, Any] = {"symbol": "SPY", "candle_date": candle(450), "train_years": 1.0, "confirm": False}


def pay_dividend(series: Series, *, user: User | None = None) -> None:
    """Imported later, with some more bars at the end: adj_close of every bar before it is another."""
    bars = load_bars(series)
    paid = np.where(np.arange(len(bars)) < len(bars) - 1, 0.97, 1.0)
    more = Bars(bars.time[-3:] + 21 * 86_400, *(getattr(bars, name)[-3:] for name in list(vars(bars))[1:]))
    origin = Origin(run_id="20261201_090000_abcd", user=user)
    bars_write(series=series, bars=more, source="vendor")
    bars_write(series=series, bars=replace(bars, adj_close=bars.adj_close * paid), source="vendor", origin=origin)


def again(run: TrainingRun) -> dict[str, Any]:
    return verification(run, lambda *_: None)


@pytest.mark.parametrize("protocol", ["honest", "poc"])
def test_a_dividend_imported_later_leaves_a_candle_run_bit_identical(carol: User, api: ApiOf, protocol: str) -> None:
    series = make_series()
    run = carried({**BODY, "protocol": protocol}, user=carol)
    pay_dividend(series, user=carol)
    out = io.StringIO()
    call_command("verify_run", run.run_id, "--json", stdout=out)  # no refusal: exit code 0
    answer = json.loads(out.getvalue())
    assert answer["identical"] and answer["truncation_identical"] and answer["differs"] == []
    assert answer["sentence"].startswith(
        f"Bit-identical on the bars as they stood at {run.started_at:%Y-%m-%d %H:%M} UTC"
    )
    changed = answer["bars_changed"]
    assert f"{changed['bars']:,} bars were changed since" in answer["sentence"]
    assert "by the import vendor (run 20261201_090000_abcd) at" in answer["sentence"]
    assert changed["bars"] > 250 and changed["last"] < candle(500) and changed["symbols"] == ["SPY"]
    [cause] = changed["imports"]  # the bars at the end concern no run of before
    assert (cause["kind"], cause["source"], cause["user"]) == ("import", "vendor", "carol")
    job = carry(follow_up_create(verb="verify", run=run, user=carol))
    assert api(carol).get(f"/api/training/runs/{job.run_id}").json()["bars_changed"] == changed


def test_bars_removed_and_put_between_since_are_undone_too(alice: User) -> None:
    series = make_series()
    run = carried(BODY, user=alice)
    bars = load_bars(series)
    with transaction.atomic():
        lock_series([series])
        remove_bars(series, bars.time[[300, 450]], "repair 7", Origin("repair"))
    weekend = bars.slice(404, 405)
    bars_write(series=series, bars=replace(weekend, time=weekend.time + 86_400), source="vendor")
    answer = again(run)
    assert answer["identical"] and answer["bars_changed"]["bars"] == 3
    assert "by the import vendor at" in answer["sentence"] and "and repair 7 at" in answer["sentence"]


def test_a_row_of_members_is_made_again_on_their_bars(alice: User) -> None:
    series = make_series()
    bodies = [{**BODY, "candle_date": candle(at), "protocol": "steady"} for at in (430, 450)]
    names = [carried(body, user=alice).run_id for body in bodies]
    run = carry(run_create(spec=parse_ensemble({"run_ids": names, "how": "rank"}), user=alice))
    pay_dividend(series)
    answer = again(run)
    assert answer["identical"] and answer["differs"] == [] and answer["bars_changed"]["bars"] > 250


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_a_dividend_imported_later_leaves_a_universe_run_bit_identical(recipe: str) -> None:
    run = run_of(recipe)
    for symbol in ("BBB", "DDD"):
        pay_dividend(Series.objects.select_related("instrument").get(instrument__symbol=symbol))
    answer = verified(run)
    assert answer["identical"] and answer["truncation_identical"] and answer["differs"] == [], answer["sentence"]
    assert answer["bars_changed"]["symbols"] == ["BBB", "DDD"] and len(answer["bars_changed"]["imports"]) == 2
    assert "bars were changed since of BBB, DDD" in answer["sentence"]


def test_a_dividend_imported_later_leaves_a_walk_bit_identical() -> None:
    make_universe()
    walk = ask(recipe="honest")
    carry_all()
    walk.refresh_from_db()
    pay_dividend(Series.objects.select_related("instrument").get(instrument__symbol="CCC"))
    answer = verified(walk)
    assert answer["identical"] and answer["truncation_identical"] and answer["differs"] == [], answer["sentence"]
    assert answer["bars_changed"]["symbols"] == ["CCC"]


def test_what_was_before_recording_cannot_be_told(alice: User) -> None:
    series = make_series()
    run = carried(BODY, user=alice)
    pay_dividend(series)
    BarRevision.objects.all().delete()
    Series.objects.update(recorded_from=timezone.now())
    run.refresh_from_db()
    answer = again(run)
    assert not answer["identical"] and answer["differs"] == ["data"] and answer["bars_changed"] is None
    assert "isn't recorded, so the bars of then can't be told." in answer["sentence"]


def test_an_import_that_was_under_way_when_the_run_began_is_undone(alice: User) -> None:
    """It is recorded a moment before it can be read."""
    series = make_series()
    run = carried(BODY, user=alice)
    pay_dividend(series)
    assert run.started_at
    BarRevision.objects.update(made_at=run.started_at)
    assert again(run)["identical"]
