"""A run's JSON turned into the geometry of its page's pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.web.presenters.metrics_table import PARTS


@dataclass(frozen=True)
class Segment:
    """A part of the time that a run used: percent of the whole from the left, and its rows."""

    part: str
    left: float
    width: float
    rows: int
    up_percent: float
    first: str
    last: str


def split_segments(splits: dict[str, Any]) -> list[Segment]:
    """Training without its validation rows, validation, test: widths by rows. The validation rows are the last of the
    training rows."""
    rows = {name: (splits.get(name) or {}).get("rows") or 0 for name in PARTS}
    shown = {**rows, "train": rows["train"] - rows["validation"]}
    total = sum(shown.values())
    segments, left = [], 0.0
    for name in PARTS:
        if not shown[name]:
            continue
        width = 100 * shown[name] / total
        split = splits[name]
        segments.append(
            Segment(
                part=name,
                left=round(left, 3),
                width=round(width, 3),
                rows=rows[name],
                up_percent=100 * split["class_counts"]["1"] / rows[name],
                first=split["first"],
                last=split["last"],
            )
        )
        left += width
    return segments


@dataclass(frozen=True)
class PlotLine:
    """`points` as an SVG polyline takes them; `style` is the CSS class that tells it from the others."""

    points: str
    style: str


@dataclass(frozen=True)
class Plot:
    """A line chart in a box of `width` by `height`, for `training/shared/_line_chart.html`. `lines` are in the order
    of drawing, so that the first series, drawn last, lies on top. `low` and `high` are the values at its bottom and top
    edge, written with `places` decimals and `unit`."""

    lines: tuple[PlotLine, ...]
    low: float
    high: float
    mark_x: float | None = None
    mark_y: float | None = None
    places: int = 3
    unit: str = ""
    width: int = 600
    height: int = 140


def line_plot(
    series: Sequence[Sequence[float]],
    *,
    styles: Sequence[str] = ("", "is-second"),
    mark: int | None = None,
    level: float | None = None,
    places: int = 3,
    unit: str = "",
) -> Plot | None:
    """Several series over the same steps, one style for each; None where no series has two values. `mark`: a step to
    stand out; `level`: a value to draw across."""
    longest = max((len(values) for values in series), default=0)
    if longest < 2:
        return None
    drawn = [value for values in series for value in values] + ([level] if level is not None else [])
    low, high = min(drawn), max(drawn)
    across, up = Plot.width / (longest - 1), (Plot.height - 8) / ((high - low) or 1)

    def y(value: float) -> float:
        return round(Plot.height - 4 - (value - low) * up, 1)

    lines = [
        PlotLine(" ".join(f"{i * across:.1f},{y(value)}" for i, value in enumerate(values)), style)
        for values, style in zip(series, styles[: len(series)], strict=True)
    ]
    return Plot(
        lines=tuple(reversed(lines)),
        low=low,
        high=high,
        mark_x=round(mark * across, 1) if mark is not None else None,
        mark_y=y(level) if level is not None else None,
        places=places,
        unit=unit,
    )


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
