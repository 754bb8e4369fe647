"""The money of a model's recommendations as a page shows it."""

from collections.abc import Collection
from dataclasses import dataclass

from instruments.calendars.sessions import calendar_of_universe, trading_year_of
from instruments.quant.calendars import TradingYear
from predictions.quant.money import Portfolio
from predictions.recommendations.money import portfolios
from training.models import ModelVersion
from training.quant.candle.spec import COST_BP
from training.quant.stats.backtest import Performance, bars_a_year, performance
from training.quant.stats.equity import WINDOW, mean_interval_a_year, sharpe_interval
from training.web.presenters.equity import DAY, EquityPanel, equity_panel

FOLLOWED, EQUAL_WEIGHT = "BUYs followed", "Equal weight of the same days"
Interval = tuple[float, float, float]  # a value, and its bounds


@dataclass(frozen=True)
class PortfolioLine:
    """A line of the table; `sharpe` has its interval where there are enough days for one."""

    label: str
    style: str
    performance: Performance
    sharpe: Interval | None


@dataclass(frozen=True)
class MoneyPanel:
    """`excess` is the mean return above equal weight, a year; `shares` as in Portfolio."""

    panel: EquityPanel
    lines: list[PortfolioLine]
    excess: Interval | None
    first: str
    last: str
    shares: int | None
    cost_bp: float = COST_BP
    fewest_days: int = WINDOW


def money_panels(*, replay: bool, versions: Collection[str]) -> dict[str, MoneyPanel]:
    """Of each of these models that has a day that counts."""
    followed = portfolios(replay=replay, versions=versions)
    of_version = dict(ModelVersion.objects.filter(version__in=followed).values_list("version", "universe"))
    years = {name: trading_year_of(calendar_of_universe(name)) for name in set(of_version.values())}
    return {
        version: _panel(portfolio, years.get(of_version.get(version, ""))) for version, portfolio in followed.items()
    }


def _panel(portfolio: Portfolio, year: TradingYear | None) -> MoneyPanel:
    days = portfolio.days
    dates = days[[0, -1]].astype("datetime64[D]")
    a_year = bars_a_year(days * DAY, "1d", year)
    parts = (
        (FOLLOWED, "", portfolio.advice, portfolio.traded, portfolio.exposure),
        (
            EQUAL_WEIGHT,
            "is-second",
            portfolio.equal,
            portfolio.equal_traded,
            portfolio.equal_exposure,
        ),
    )
    lines = [
        PortfolioLine(
            label,
            style,
            performance(returns, traded=traded, net=net, bars_a_year=a_year),
            sharpe_interval(returns, bars_a_year=a_year),
        )
        for label, style, returns, traded, net in parts
    ]
    return MoneyPanel(
        panel=equity_panel(days, {label: returns for label, _, returns, _, _ in parts}, a_year=a_year),
        lines=lines,
        excess=mean_interval_a_year(portfolio.advice - portfolio.equal, bars_a_year=a_year),
        first=str(dates[0]),
        last=str(dates[1]),
        shares=portfolio.shares,
    )
