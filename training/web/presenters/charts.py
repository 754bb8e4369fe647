"""A run's JSON turned into the geometry of its page's pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.web.presenters.metrics_table import PARTS

MOST_POINTS = 400  # of a line: a box is hardly wider in pixels
MOST_NUMBERS = 25  # of the table beside it
X_TICKS = 5


@dataclass(frozen=True)
class Segment:
    """A part of the time that a run used, or a gap, of which only the rows are told: percent of the whole from the
    left, and its rows."""

    part: str
    left: float
    width: float
    rows: int
    up_percent: float | None = None
    first: str | None = None
    last: str | None = None


def split_segments(splits: dict[str, Any], gap: int = 0) -> list[Segment]:
    """Training without its validation rows, validation, test, with a gap before each of the latter: widths by rows.
    The validation rows and the gap before them are the last of the training rows, but with `poc`, which leaves both out
    of its training."""
    rows = {name: (splits.get(name) or {}).get("rows") or 0 for name in PARTS}
    gaps = {name: gap if rows[name] else 0 for name in PARTS}
    held_out = rows["validation"] and splits["train"]["last"] >= splits["validation"]["first"]
    within = rows["validation"] + gaps["validation"] if held_out else 0
    shown = [("train", rows["train"] - within)]
    for name in PARTS[1:]:
        shown += [("gap", gaps[name]), (name, rows[name])]
    total = sum(width for _, width in shown)
    segments, left = [], 0.0
    for name, count in shown:
        if not count:
            continue
        width, split = 100 * count / total, splits.get(name) or {}
        segments.append(
            Segment(
                part=name,
                left=round(left, 3),
                width=round(width, 3),
                rows=rows.get(name, count),
                up_percent=100 * split["class_counts"]["1"] / rows[name] if split else None,
                first=split.get("first"),
                last=split.get("last"),
            )
        )
        left += width
    return segments


@dataclass(frozen=True)
class PlotLine:
    """`points` as an SVG polyline takes them; `style` is the CSS class that tells it from the others."""

    points: str
    style: str
    name: str


@dataclass(frozen=True)
class Tick:
    """A value on an axis, `at` per cent of its length from the left or from the top."""

    at: float
    text: str


@dataclass(frozen=True)
class Plot:
    """A line chart in a box of `width` by `height`, for `training/shared/_line_chart.html`. `lines` are in the order
    of drawing, so that the first series, drawn last, lies on top. `low` and `high` are the values at its bottom and top
    edge, written with `places` decimals and `unit`; `steps` says what each point stands for, `numbers` are some of the
    points as text: the step, then a value for each series in the order given. `band` are the points of an area behind
    the lines, empty for none; its edges come last among the numbers."""

    lines: tuple[PlotLine, ...]
    low: float
    high: float
    steps: tuple[str, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    numbers: tuple[tuple[str, ...], ...]
    mark_x: float | None = None
    mark_y: float | None = None
    places: int = 3
    unit: str = ""
    width: int = 600
    height: int = 140
    band: str = ""
    margin: int = 4  # of the lines from the bottom and the top edge

    @property
    def names(self) -> list[str]:
        return [line.name for line in reversed(self.lines)]


def line_plot(
    series: Mapping[str, Sequence[float]],
    steps: Sequence[str],
    *,
    styles: Sequence[str] = ("", "is-second"),
    mark: int | None = None,
    level: float | None = None,
    band: tuple[Sequence[float], Sequence[float]] | None = None,
    places: int = 3,
    unit: str = "",
) -> Plot | None:
    """Several series by their names over the same `steps` (their dates or numbers), one style for each; a NaN is left
    out. None where no series has two values. `mark`: a step to stand out; `level`: a value to draw across;
    `band`: lower and upper edge of an area, at each step."""
    longest = max((len(values) for values in series.values()), default=0)
    drawn = [value for values in series.values() for value in values if not math.isnan(value)]
    if longest < 2 or not drawn:
        return None
    drawn += [level] if level is not None else []
    edges = band or ((), ())
    drawn += [*edges[0], *edges[1]]
    low, high = min(drawn), max(drawn)
    across, up = Plot.width / (longest - 1), (Plot.height - 2 * Plot.margin) / ((high - low) or 1)

    def y(value: float) -> float:
        return round(Plot.height - Plot.margin - (value - low) * up, 2)

    shown = _spread(longest, MOST_POINTS)
    around = [*((i, edges[0][i]) for i in shown), *((i, edges[1][i]) for i in reversed(shown))] if band else []
    lines = [
        PlotLine(
            " ".join(
                f"{i * across:.1f},{y(values[i])}" for i in shown if i < len(values) and not math.isnan(values[i])
            ),
            style,
            name,
        )
        for (name, values), style in zip(series.items(), styles[: len(series)], strict=True)
    ]
    return Plot(
        lines=tuple(reversed(lines)),
        low=low,
        high=high,
        steps=tuple(steps[i] for i in shown),
        x_ticks=tuple(Tick(round(100 * i / (longest - 1), 2), steps[i]) for i in _spread(longest, X_TICKS)),
        y_ticks=tuple(Tick(round(100 * y(value) / Plot.height, 2), text) for value, text in _y_values(low, high, unit)),
        numbers=tuple(
            (
                steps[i],
                *(_number(values, i, places) for values in series.values()),
                *((f"{edges[0][i]:.{places}f} to {edges[1][i]:.{places}f}",) if band else ()),
            )
            for i in _spread(longest, MOST_NUMBERS)
        ),
        mark_x=round(mark * across, 1) if mark is not None else None,
        mark_y=y(level) if level is not None else None,
        places=places,
        unit=unit,
        band=" ".join(f"{i * across:.1f},{y(value)}" for i, value in around),
    )


def _spread(count: int, most: int) -> list[int]:
    """Places among `count`, the first and the last among them, evenly apart."""
    chosen = min(count, most)
    return [round(i * (count - 1) / (chosen - 1)) for i in range(chosen)]


def _y_values(low: float, high: float, unit: str) -> list[tuple[float, str]]:
    """Two to six round values between the edges, 1, 2 or 5 times a power of ten apart."""
    if high == low:
        return [(low, f"{low:g}{unit}")]
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(k * step, f"{k * step:.{places}f}{unit}") for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(values: Sequence[float], place: int, places: int) -> str:
    return f"{values[place]:.{places}f}" if place < len(values) and not math.isnan(values[place]) else "–"


@dataclass(frozen=True)
class Dot:
    """A decision of the test window in the picture: where, and what came of it."""

    x: float
    y: float
    up: bool
    said_up: bool
    target: str
    probability: float


@dataclass(frozen=True)
class Scatter:
    dots: tuple[Dot, ...]
    low: float
    high: float
    threshold_y: float
    width: int = 600
    height: int = 180


def probability_scatter(rows: list[dict[str, Any]], threshold: float) -> Scatter | None:
    """Probabilities of the test window in order of time, the threshold across; the scale is what they need, at least
    0.05 on both sides of the threshold. Candles that closed unmoved have no outcome and are left out."""
    rows = [row for row in rows if row["outcome"] is not None]
    if not rows:
        return None
    probabilities = [row["probability"] for row in rows]
    low: float = min(*probabilities, threshold - 0.05)
    high: float = max(*probabilities, threshold + 0.05)
    across, up = (Scatter.width - 24) / max(1, len(rows) - 1), (Scatter.height - 20) / (high - low)

    def y(value: float) -> float:
        return round(Scatter.height - 10 - (value - low) * up, 1)

    dots = tuple(
        Dot(
            x=round(12 + i * across, 1),
            y=y(row["probability"]),
            up=bool(row["outcome"]),
            said_up=bool(row["prediction"]),
            target=row["target"],
            probability=row["probability"],
        )
        for i, row in enumerate(rows)
    )
    return Scatter(dots=dots, low=low, high=high, threshold_y=y(threshold))
