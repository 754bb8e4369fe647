"""A sweep on the workers: its chunks are runs, its cells outlive a killed worker, and it is one trial."""

import os
from typing import Any

import pytest
from django.contrib.auth.models import User

from instruments.models import PriceBar, Series
from tests.market import candle, make_series
from tests.training.recipes.test_walk_forward import carry_next
from training.models import Searched, Status, SweepCell, TrainingRun, Trial
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import CandleSpec, SpecError, parse_time
from training.quant.search import train_cell as cell_work
from training.quant.search.train_cell import CellArrays, train_cell
from training.queue import leases
from training.recipes.sweep import execute as sweeping
from training.recipes.sweep import spec as sweep_specs
from training.recipes.sweep.as_json import sweep_json
from training.recipes.sweep.data import sweep_spec
from training.recipes.sweep.promote import promoted_spec
from training.recipes.sweep.spec import SweepSpec, chunks_of
from training.runs import services
from training.worker.execute import execute

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY: dict[str, Any] = {
    "candles": [candle(300), candle(340), candle(380), candle(420)],
    "train_years": [0.5, 1.0],
    "test_window_size": 20,
    "protocol": "steady",
}


@pytest.fixture
def series() -> Series:
    return make_series(bars=600)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_specs, "CHUNK_S", 0.01)
    monkeypatch.setattr(sweeping, "CHECKPOINT_S", 0.01)


def asked(user: User | None = None, **more: Any) -> TrainingRun:
    return services.run_create(user=user, spec=sweep_spec({**BODY, **more}, default_symbol="SPY"))


def swept(user: User | None = None, **more: Any) -> TrainingRun:
    run = asked(user, **more)
    while carry_next():
        pass
    run.refresh_from_db()
    return run


def contents(run: TrainingRun) -> list[bytes]:
    return [bytes(content) for content in run.cells.order_by("number").values_list("content", flat=True)]


def test_its_cells_are_candle_runs_and_it_is_one_trial(series: Series, small_chunks: None) -> None:
    run = swept()
    assert run.status == Status.COMPLETED, run.error
    assert run.parts.count() > 1 and set(run.parts.values_list("status", flat=True)) == {Status.COMPLETED}
    answer = sweep_json(run)
    assert answer["cells"]["status"] == ["completed"] * 8
    assert answer["cells"]["candle"][:3] == [candle(300), candle(300), candle(340)]
    assert answer["cells"]["train_years"][:2] == [0.5, 1.0]
    own = services.run_create(user=None, spec=parse_candle_spec(
        {"candle_date": candle(340), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20, "protocol": "steady",
         "confirm": False}))  # fmt: skip
    carry_next()
    own.refresh_from_db()
    assert answer["cells"]["auc"][3] == own.result["test_metrics"]["auc"]
    assert [row["candles"] for row in answer["rows"]] == [4, 4]
    trial = Trial.objects.get(kind="sweep")
    assert (trial.k, trial.p_value) == (1, answer["claim"]["p_value"])
    assert answer["claim"] | {"level": 0.025, "trial": 1} == answer["claim"]
    assert answer["seen_until"] == candle(440)
    assert "4 candles" in answer["sentence"] and "1 trial on SPY" in answer["sentence"]
    assert set(Searched.objects.values_list("seen_until", flat=True)) == {parse_time(candle(440))}
    assert Searched.objects.count() == 2


def test_the_same_sweep_again_is_the_same_trial_with_the_same_cells(series: Series) -> None:
    one, two = swept(), swept()
    assert contents(one) == contents(two)
    assert one.trial == two.trial and one.result == two.result
    assert Trial.objects.count() == 1


def test_settings_that_an_earlier_sweep_has_seen_are_not_pooled_before_its_last_outcome(series: Series) -> None:
    swept()
    again = swept(candles=[candle(420), candle(440), candle(480)])
    answer = sweep_json(again)
    assert answer["cells"]["seen"] == [True, True, False, False, False, False]
    assert [row["candles"] for row in answer["rows"]] == [2, 2]
    seen_all = swept(candles=[candle(300), candle(320)])
    answer = sweep_json(seen_all)
    assert (answer["claim"]["p_value"], answer["claim"]["label"], answer["claim"]["trial"]) == (None, "no_evidence", 3)
    assert f"nothing unseen to judge it by before {candle(500)[:10]}" in answer["sentence"]


def test_a_chunk_that_died_goes_on_where_it_stopped(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = contents(swept())
    trained: list[str] = []

    def train(spec: CandleSpec, arrays: CellArrays) -> bytes:
        if len(trained) == 4:
            raise KeyboardInterrupt
        trained.append(spec.candle)
        return train_cell(spec, arrays)

    monkeypatch.setattr(cell_work, "train_cell", train)
    monkeypatch.setattr(sweeping, "CHECKPOINT_S", 0.01)
    run = asked()
    turn = leases.next_queued()
    assert turn is not None
    token = leases.claim(turn, host="test", pid=os.getpid())
    assert token is not None
    with pytest.raises(KeyboardInterrupt):
        execute(run_pk=turn, token=token)
    assert contents(run) == whole[:4]
    leases.requeue(turn, token, "The worker was lost")
    monkeypatch.setattr(cell_work, "train_cell", lambda *args: (trained.append(""), train_cell(*args))[1])
    while carry_next():
        pass
    assert contents(run) == whole
    assert len(trained) == 8


def test_a_chunk_that_failed_leaves_its_cells_out(
    series: Series, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asked()
    first = run.parts.order_by("pk").first()
    assert first is not None

    def breaks(spec: Any, arrays: Any) -> bytes:
        if spec.candle == candle(300):
            raise MemoryError
        return train_cell(spec, arrays)

    monkeypatch.setattr(cell_work, "train_cell", breaks)
    while carry_next():
        pass
    run.refresh_from_db()
    assert run.status == Status.COMPLETED
    answer = sweep_json(run)
    assert answer["cells"]["status"][:2] == ["failed", "failed"] and "completed" in answer["cells"]["status"]
    assert "Its chunk ended failed" in answer["cells"]["problem"][0]
    with pytest.raises(SpecError, match="failed"):
        promoted_spec(run, {"candle_date": candle(300), "train_years": 1.0})


def test_short_history_is_a_status_with_its_reason_and_no_error(series: Series) -> None:
    run = swept(candles=[candle(120), candle(300), candle(590)])
    answer = sweep_json(run)
    assert run.status == Status.COMPLETED
    assert answer["cells"]["status"] == ["failed"] * 2 + ["completed"] * 2 + ["failed"] * 2
    assert "Too little history" in answer["cells"]["problem"][0]
    assert "Too few candles after" in answer["cells"]["problem"][4]
    none = swept(candles=[candle(120)])
    assert none.status == Status.FAILED and "No cell could be trained" in none.error


def test_later_bars_change_no_cell(series: Series) -> None:
    before = contents(swept())
    PriceBar.objects.filter(series=series, timestamp__gt=parse_time(candle(440))).update(volume=9.0, adj_close=1.0)
    assert contents(swept()) == before


def test_bars_changed_under_way_are_noticed(series: Series, small_chunks: None) -> None:
    run = asked()
    for _ in range(run.parts.count()):
        carry_next()
    PriceBar.objects.filter(series=series, timestamp=parse_time(candle(430))).update(volume=5.0)
    carry_next()
    run.refresh_from_db()
    assert run.status == Status.FAILED and "were changed while the sweep was under way" in run.error


def test_a_promoted_cell_carries_what_the_sweep_has_seen(series: Series) -> None:
    run = swept()
    spec = promoted_spec(run, {"candle_date": candle(340), "train_years": 0.5})
    assert (spec.candle, spec.train_years, spec.protocol) == (candle(340), 0.5, "steady")
    assert spec.seen_until == candle(440)
    own = services.run_create(user=None, spec=spec)
    carry_next()
    own.refresh_from_db()
    assert own.status == Status.COMPLETED and own.trial is not None
    assert own.trial.p_value is None and own.trial.k == 2
    for body, field in (
        ({}, "candle_date"),
        ({"candle_date": candle(341), "train_years": 0.5}, "candle_date"),
        ({"candle_date": "someday", "train_years": 0.5}, "candle_date"),
        ({"candle_date": candle(340)}, "train_years"),
        ({"candle_date": candle(340), "train_years": 0.5, "params": {"num_leaves": 63}}, "params"),
        ({"candle_date": candle(340), "nonsense": 1}, "nonsense"),
    ):
        with pytest.raises(SpecError) as refused:
            promoted_spec(run, body)
        assert set(refused.value.errors) == {field}, body


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"candles": None}, "candles", "list"),
        ({"candles": []}, "candles", "list"),
        ({"candles": ["someday"]}, "candles", "someday"),
        ({"candles": [candle(300)[:8] + "0" + str(n) for n in (3, 4)]}, "candles", "Of SPY"),
        ({"every": 5}, "candles", "not both"),
        ({"candles": [candle(300)] * 2001}, "candles", "2,000"),
        ({"train_years": [0.1]}, "train_years", "0.5 to 10"),
        ({"train_years": [1.0, 1.0]}, "train_years", "twice"),
        ({"train_years": 1.0}, "train_years", "list"),
        ({"params": [{"num_leaves": 31}]}, "num_leaves", "params 1: "),
        ({"protocol": "honest", "params": [{"num_leaves": 64}]}, "num_leaves", "15 to 63"),
        ({"protocol": "honest", "params": [{}], "feature_sets": ["scale_free"]}, "feature_sets", "Only one"),
        ({"protocol": "honest", "feature_sets": ["nonsense"]}, "feature_set", "feature_sets 1: "),
        ({"test_windows": [20, 30]}, "test_windows", "not both"),
        ({"symbol": "NONE"}, "symbol", "NONE"),
        ({"nonsense": 1}, "nonsense", "Known"),
    ],
)
def test_bad_requests_are_refused_with_field_and_reason(
    series: Series, change: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(SpecError) as refused:
        asked(**change)
    assert field in refused.value.errors, refused.value.errors
    assert says in str(refused.value)
    assert not TrainingRun.objects.exists()


def test_up_to_ten_bad_candles_are_named_at_once(series: Series) -> None:
    days = [candle(300)[:10] + f"T{hour:02d}:00:00Z" for hour in range(1, 14)]
    with pytest.raises(SpecError) as refused:
        asked(candles=[candle(300), *days])
    text = str(refused.value)
    assert text.count("is no candle") == 10 and "3 more" in text


def test_candles_may_be_every_so_many_between_two_days(series: Series) -> None:
    body = {name: value for name, value in BODY.items() if name != "candles"}
    spec = sweep_spec({**body, "from": candle(300)[:10], "to": candle(320)[:10], "every": 7}, default_symbol="SPY")
    assert spec.candles == (candle(300), candle(307), candle(314))
    for change, field in (({"to": candle(200)}, "to"), ({"every": 0}, "every"), ({"from": "x"}, "from"),
                          ({"from": "2001-01-01", "to": "2001-02-01"}, "from")):  # fmt: skip
        with pytest.raises(SpecError) as refused:
            sweep_spec({**body, "from": candle(300), "to": candle(320), **change}, default_symbol="SPY")
        assert set(refused.value.errors) == {field}


def test_too_many_cells_are_refused(series: Series) -> None:
    with pytest.raises(SpecError, match="too many"):
        sweep_spec({"candles": [candle(n) for n in range(501)], "train_years": [1, 2, 3, 4]}, default_symbol="SPY")


def test_chunks_tile_the_cells_and_are_even_in_number() -> None:
    rows = (parse_candle_spec({"candle_date": "2020-01-01", "symbol": "SPY"}),)
    for count in (1, 7, 240, 2000):
        spec = SweepSpec(tuple(map(str, range(count))), rows)
        chunks = chunks_of(spec)
        assert [n for chunk in chunks for n in range(chunk.first, chunk.stop)] == list(range(count))
        assert len(chunks) == 1 or len(chunks) % 2 == 0
        assert max(chunk.stop - chunk.first for chunk in chunks) * spec.seconds / count <= 5.1
    assert SweepSpec.from_dict(spec.as_dict()) == spec
    assert SweepCell._meta.constraints[0].name == "sweep_cell_once"
