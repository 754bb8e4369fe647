"""What the chart asks of a model: columns, profit and loss, other instruments."""

import numpy as np
import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.roles import Scope
from instruments.store.read_bars import load_bars, series_get
from tests.market import make_series
from tests.people import ApiOf
from tests.predictions.trained import add_bar, trained

pytestmark = pytest.mark.db_both


def test_it_serves_the_same_as_columns(bob: User, api: ApiOf) -> None:
    address = f"/api/poc-predictions/{trained().run_id}"
    rows = api(bob).post(address).json()["predictions"]
    answer = api(bob).get(f"{address}/columns")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert len({len(found[name]) for name in ("epoch", "probability", "up", "sample", "out_of_range", "distance")}) == 1
    assert [found["samples"][code] for code in found["sample"]] == [row["sample"] for row in rows]
    assert found["probability"] == pytest.approx([row["probability"] for row in rows], abs=1e-6)
    for threshold in np.arange(0, 1.001, 0.01):
        said = [row["probability"] >= threshold for row in rows]
        assert [p >= threshold for p in found["probability"]] == said
    assert found["up"][-1] is None and None not in found["up"][:-1]
    bars = load_bars(series_get("SPY", "1d"))
    close = dict(zip(bars.time.tolist(), bars.adjusted().close.tolist(), strict=True))
    later = dict(zip(bars.time.tolist(), bars.adjusted().close.tolist()[1:], strict=False))
    assert found["up"][:-1] == [int(later[at] > close[at]) for at in found["epoch"][:-1]]


def test_it_says_how_often_a_probability_came_true_on_candles_the_model_never_saw(bob: User, api: ApiOf) -> None:
    found = api(bob).get(f"/api/poc-predictions/{trained().run_id}/columns").json()
    judged = [
        (p, up)
        for p, up, code in zip(found["probability"], found["up"], found["sample"], strict=True)
        if found["samples"][code] in ("test", "after") and up is not None
    ]
    assert sum(one["rows"] for one in found["calibration"]) == len(judged) == found["judged"]["rows"] == 99
    for one in found["calibration"]:
        inside = [up for p, up in judged if one["low"] <= p < one["high"]]
        assert (one["rows"], one["up"]) == (len(inside), sum(inside))
        assert one["interval"][0] <= one["share"] <= one["interval"][1]


def test_it_answers_unchanged_until_a_bar_comes(bob: User, api: ApiOf) -> None:
    run = trained()
    address = f"/api/poc-predictions/{run.run_id}/columns"
    etag = api(bob).get(address)["ETag"]
    assert api(bob).get(address, HTTP_IF_NONE_MATCH=etag).status_code == 304
    assert run.series is not None
    add_bar(run.series, 100)
    again = api(bob).get(address, HTTP_IF_NONE_MATCH=etag)
    assert again.status_code == 200 and again["ETag"] != etag


def test_it_follows_the_model_from_its_first_test_candle_on(bob: User, api: ApiOf) -> None:
    run = trained()
    address = f"/api/poc-predictions/{run.run_id}"
    threshold = run.detail["best_threshold"]
    found = api(bob).get(f"{address}/performance?threshold={threshold}").json()
    own = run.detail["performance"]
    window = len(own["strategy"]["equity"])
    assert found["first"] == run.result["splits"]["test"]["first"]
    assert found["strategy"]["equity"][:window] == pytest.approx(own["strategy"]["equity"], abs=1e-6)
    assert found["buy_and_hold"]["equity"][:window] == pytest.approx(own["buy_and_hold"]["equity"], abs=1e-6)
    assert len(found["epoch"]) == len(found["strategy"]["equity"]) == 100
    flat = api(bob).get(f"{address}/performance?threshold=1").json()["strategy"]
    assert (flat["total_return"], flat["exposure"]) == (0, 0)
    within = api(bob).get(f"{address}/performance?end_date=2018-06-01").json()
    assert within["strategy"] is None and within["epoch"] == []


def test_it_warns_when_asked_of_another_instrument(bob: User, api: ApiOf) -> None:
    run = trained()
    make_series("IBM", bars=200, seed=5)
    for address in (f"/api/poc-predictions/{run.run_id}", f"/api/poc-predictions/{run.run_id}/columns"):
        send = api(bob).get if address.endswith("columns") else api(bob).post
        found = send(f"{address}?symbol=IBM").json()
        assert found["symbol"] == "IBM"
        assert "trained on SPY and has never seen IBM" in found["warning"]
        assert send(f"{address}?symbol=SPY").json()["warning"] is None
        missing = send(f"{address}?symbol=NONE")
        assert missing.status_code == 404 and "Known: IBM, SPY" in missing.json()["detail"]


def test_it_flags_candles_unlike_those_it_was_trained_on(bob: User, api: ApiOf) -> None:
    run = trained()
    address = f"/api/poc-predictions/{run.run_id}/columns"
    found = api(bob).get(address).json()
    training = [i for i, code in enumerate(found["sample"]) if found["samples"][code] in ("train", "validation")]
    assert {found["out_of_range"][i] for i in training} == {0}
    assert np.sqrt(np.mean([found["distance"][i] ** 2 for i in training])) == pytest.approx(1, abs=0.05)
    assert run.series is not None
    add_bar(run.series, 1000)
    odd = api(bob).get(address).json()
    assert odd["out_of_range"][-1] > 0.2 and odd["distance"][-1] > 5


def test_it_is_for_members_with_the_scope(alice: User, stranger: User, api: ApiOf) -> None:
    address = f"/api/poc-predictions/{trained().run_id}/columns"
    assert api().get(address).status_code == 401
    assert api(stranger).get(address).status_code == 403
    assert api(alice, [Scope.READ]).get(address).status_code == 403
    assert api(alice).get(f"{address}?treshold=0.5").status_code == 400
    assert api(alice).get("/api/poc-predictions/none/columns").status_code == 404
