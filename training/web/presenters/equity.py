"""An equity curve beside its benchmark as a page shows it: plot, drawdowns, months as a heat map, rolling Sharpe."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.backtest import bars_a_year
from training.quant.stats.equity import (
    WINDOW,
    Drawdown,
    equity_of,
    monthly_returns,
    rolling_sharpe,
    worst_drawdowns,
)
from training.web.presenters.charts import Plot, line_plot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAY = 86_400
HEAT = (0.005, 0.02, 0.05)  # monthly returns from which on a cell is a shade darker


@dataclass(frozen=True)
class Fall:
    """A line of the table of drawdowns, its days as dates; `days` trading days from the peak to its end or so far."""

    first: str
    trough: str
    recovered: str
    depth: float
    days: int


@dataclass(frozen=True)
class HeatCell:
    """A month's return and that of the benchmark; `shade` is -3 to 3; None for a month without days."""

    total: float
    benchmark: float
    days: int
    shade: int


@dataclass(frozen=True)
class HeatYear:
    year: int
    months: list[HeatCell | None]
    total: float
    benchmark: float


@dataclass(frozen=True)
class EquityPanel:
    """`names` are those of the curve and of its benchmark; `rolling` is None with fewer than `window` days."""

    names: tuple[str, str]
    equity: Plot | None
    falls: list[Fall]
    years: list[HeatYear]
    rolling: Plot | None
    days: int
    window: int = WINDOW
    columns: tuple[str, ...] = (*calendar.month_abbr[1:], "Year")


def equity_panel(
    days: Ints,
    curves: dict[str, Floats],
    band: Mapping[str, Any] | None = None,
    *,
    a_year: float | None = None,
) -> EquityPanel:
    """Of daily returns (T,), T > 0, of the strategy and of its benchmark, in this order, by name; `days` (T,) ascending
    day numbers since 1970; `band` as stored, of the strategy's equity; `a_year` of those days lie in a year: where that
    wasn't kept, 252 or 365."""
    (name, own), (benchmark_name, benchmark) = curves.items()
    dates = [str(day) for day in days.astype("datetime64[D]")]
    a_year = a_year or bars_a_year(days * DAY, "1d")
    equity = equity_of(own)
    rolled = {label: rolling_sharpe(returns, bars_a_year=a_year)[WINDOW - 1 :] for label, returns in curves.items()}
    return EquityPanel(
        names=(name, benchmark_name),
        equity=line_plot(
            {label: equity_of(returns).tolist() for label, returns in curves.items()},
            ["start", *dates],
            level=1.0,
            band=band_edges(band),
        ),
        falls=[_fall(fall, dates) for fall in worst_drawdowns(equity)],
        years=_heat_map(days, own, benchmark),
        rolling=line_plot(
            {label: values.tolist() for label, values in rolled.items()}, dates[WINDOW - 1 :], level=0.0, places=2
        ),
        days=len(days),
    )


def band_edges(band: Mapping[str, Any] | None) -> tuple[list[float], list[float]] | None:
    """Its lower and upper edge from the start of the equity on."""
    return ([1.0, *band["low"]], [1.0, *band["high"]]) if band else None


def day_numbers(dates: Sequence[str]) -> Ints:
    """Of ISO dates, since 1970."""
    return np.array(dates, dtype="datetime64[D]").astype(np.int64)


def _fall(fall: Drawdown, dates: list[str]) -> Fall:
    """Step k is the close of the k-th day; step 0, before the first one, goes by its date too."""
    end = fall.recovered if fall.recovered is not None else len(dates)
    return Fall(
        first=dates[max(0, fall.peak - 1)],
        trough=dates[fall.trough - 1],
        recovered=dates[fall.recovered - 1] if fall.recovered is not None else "",
        depth=fall.depth,
        days=end - fall.peak,
    )


def _heat_map(days: Ints, own: Floats, benchmark: Floats) -> list[HeatYear]:
    years: dict[int, list[HeatCell | None]] = {}
    for month, other in zip(monthly_returns(days, own), monthly_returns(days, benchmark), strict=True):
        first = date.fromisoformat(str(np.datetime64(month.first, "D")))
        shade = sum(abs(month.total_return) >= bound for bound in HEAT) * (1 if month.total_return > 0 else -1)
        cell = HeatCell(month.total_return, other.total_return, month.days, shade)
        years.setdefault(first.year, [None] * 12)[first.month - 1] = cell
    return [
        HeatYear(
            year,
            months,
            total=_compounded([cell.total for cell in months if cell]),
            benchmark=_compounded([cell.benchmark for cell in months if cell]),
        )
        for year, months in years.items()
    ]


def _compounded(returns: list[float]) -> float:
    return float(np.prod(1.0 + np.array(returns)) - 1.0)
