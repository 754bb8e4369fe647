import pytest

from training.web.presenters.charts import line_plot, probability_scatter, split_segments


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
    plot = line_plot([[1.0, 1.5, 0.5], [1.0, 1.0, 1.2]], mark=1, level=1.0)
    assert plot is not None
    points = [tuple(map(float, point.split(","))) for line in plot.lines for point in line.points.split()]
    assert all(0 <= x <= plot.width and 0 <= y <= plot.height for x, y in points)
    assert (plot.low, plot.high) == (0.5, 1.5)
    assert plot.mark_x == pytest.approx(plot.width / 2)
    assert [line.style for line in plot.lines] == ["is-second", ""]  # the first, drawn last, lies on top
    assert line_plot([[1.0]]) is None and line_plot([]) is None
    assert line_plot([[1.0, 1.0]]) is not None  # flat: no division by zero


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
