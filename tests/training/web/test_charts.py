import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.web.presenters.charts import line_plot, probability_scatter, split_segments

DAYS = ["2010-01-01", "2010-01-04", "2010-01-05"]


def test_it_draws_the_splits_side_by_side_over_the_whole_width() -> None:
    part = {"first": "2010-01-01T00:00:00Z", "last": "2011-01-01T00:00:00Z"}
    segments = split_segments(
        {
            "train": {**part, "rows": 100, "class_counts": {"0": 40, "1": 60}},
            "validation": {**part, "rows": 20, "class_counts": {"0": 10, "1": 10}},
            "test": {**part, "rows": 0, "class_counts": {"0": 0, "1": 0}},
        }
    )
    assert [segment.part for segment in segments] == ["train", "validation"]
    assert [segment.width for segment in segments] == [80, 20]
    assert segments[1].left == 80
    assert segments[0].up_percent == 60


def test_it_keeps_every_line_within_its_box() -> None:
    plot = line_plot({"a": [1.0, 1.5, 0.5], "b": [1.0, 1.0, 1.2]}, DAYS, mark=1, level=1.0)
    assert plot is not None
    points = [tuple(map(float, point.split(","))) for line in plot.lines for point in line.points.split()]
    assert all(0 <= x <= plot.width and 0 <= y <= plot.height for x, y in points)
    assert (plot.low, plot.high) == (0.5, 1.5)
    assert plot.mark_x == pytest.approx(plot.width / 2)
    assert [line.style for line in plot.lines] == ["is-second", ""]  # the first, drawn last, lies on top
    assert [line.name for line in plot.lines] == ["b", "a"] and plot.names == ["a", "b"]
    assert line_plot({"a": [1.0]}, DAYS) is None and line_plot({}, []) is None
    flat = line_plot({"a": [1.0, 1.0]}, DAYS)
    assert flat is not None and [tick.text for tick in flat.y_ticks] == ["1"]  # flat: no division by zero


def test_its_axes_name_days_and_round_values() -> None:
    days = [f"day {number}" for number in range(1001)]
    plot = line_plot({"a": [math.nan, *(0.9 + 0.0003 * number for number in range(1000))]}, days, unit=" %")
    assert plot is not None
    assert [(tick.at, tick.text) for tick in plot.x_ticks] == [
        (0, "day 0"),
        (25, "day 250"),
        (50, "day 500"),
        (75, "day 750"),
        (100, "day 1000"),
    ]
    assert [tick.text for tick in plot.y_ticks] == ["0.9 %", "1.0 %", "1.1 %"]
    assert len(plot.steps) == 400 and plot.steps[0] == "day 0" and plot.steps[-1] == "day 1000"
    assert len(plot.lines[0].points.split()) == 399  # the first has no value
    assert plot.numbers[0] == ("day 0", "–") and plot.numbers[-1] == ("day 1000", "1.200") and len(plot.numbers) == 25


@settings(max_examples=200)
@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-6, 1e6))
def test_its_ticks_lie_within_and_are_few(low: float, span: float) -> None:
    plot = line_plot({"a": [low, low + span]}, DAYS)
    assert plot is not None
    if plot.high > plot.low:
        assert 2 <= len(plot.y_ticks) <= 6
        assert all(0 <= tick.at <= 100 for tick in plot.y_ticks)
        assert len({tick.text for tick in plot.y_ticks}) == len(plot.y_ticks)


def test_it_marks_what_was_said_and_what_came() -> None:
    rows = [
        {"probability": 0.6, "prediction": 1, "outcome": 0, "target": "2010-01-02T00:00:00Z"},
        {"probability": 0.4, "prediction": 0, "outcome": 0, "target": "2010-01-03T00:00:00Z"},
    ]
    scatter = probability_scatter(rows, 0.5)
    assert scatter is not None
    said, unsaid = scatter.dots
    assert said.y < scatter.threshold_y < unsaid.y
    assert (said.said_up, said.up) == (True, False)
    assert probability_scatter([], 0.5) is None
