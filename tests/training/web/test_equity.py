"""What pages show of an equity curve: drawdowns by date, months as a heat map, rolling Sharpe, trades with links."""

from urllib.parse import parse_qs

import numpy as np
import pytest
from django.contrib.auth.models import User

from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.training.carrying import carried
from tests.training.recipes.test_walk_forward import ask, carry_next
from tests.training.universe import make_universe
from training.quant.stats.equity import WINDOW
from training.recipes.candle.page import trade_lines
from training.web.presenters.equity import day_numbers, equity_panel

DATES = ["2019-12-30", "2019-12-31", "2020-01-02", "2020-01-03"]


def test_it_names_days_and_compounds_months() -> None:
    own, benchmark = np.array([0.1, -0.2, 0.1, 0.1]), np.array([0.0, 0.01, 0.0, -0.06])
    panel = equity_panel(day_numbers(DATES), {"Model": own, "Equal weight": benchmark})
    assert panel.names == ("Model", "Equal weight") and panel.equity is not None
    assert panel.equity.steps == ("start", *DATES)
    [fall] = panel.falls
    assert (fall.first, fall.trough, fall.recovered) == ("2019-12-30", "2019-12-31", "")
    assert fall.depth == pytest.approx(-0.2) and fall.days == 3
    older, newer = panel.years
    assert (older.year, newer.year) == (2019, 2020) and older.months[:11] == [None] * 11
    december, january = older.months[11], newer.months[0]
    assert december is not None and january is not None
    assert december.total == pytest.approx(1.1 * 0.8 - 1) and december.shade == -3 and december.days == 2
    assert january.total == newer.total == pytest.approx(0.21) and january.shade == 3
    assert january.benchmark == pytest.approx(-0.06)
    assert panel.rolling is None and panel.days == 4


def test_it_rolls_the_sharpe_ratio_when_there_are_days() -> None:
    days = np.arange(WINDOW + 9)
    returns = np.random.default_rng(1).normal(0, 0.01, len(days))
    panel = equity_panel(days, {"Model": returns, "Equal weight": -returns})
    assert panel.rolling is not None and len(panel.rolling.steps) == 10
    assert panel.rolling.names == ["Model", "Equal weight"]


@pytest.mark.django_db
@pytest.mark.db_both
def test_a_candle_runs_trades_multiply_to_its_profit_and_lead_to_the_chart(bob: User, browser_of: BrowserOf) -> None:
    make_series()
    run = carried({"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "test_window_size": 30}, user=bob)
    trades = trade_lines(run)
    strategy, rows = run.detail["performance"]["strategy"], run.detail["test_rows"]
    assert np.prod([1 + trade.total_return for trade in trades]) == pytest.approx(1 + strategy["total_return"])
    assert sum(trade.bars for trade in trades) == sum(row["prediction"] for row in rows) > 0
    page = browser_of(bob).get(f"/runs/{run.run_id}/").text
    assert "Trades over the test window" in page and page.count("Open the chart around this trade") == len(trades)
    query = parse_qs(trades[0].chart)
    assert query["models"] == [run.run_id] and int(query["from"][0]) < int(query["to"][0])
    run.detail["performance"]["strategy"].pop("returns")  # nothing to tell trades from
    assert trade_lines(run) == []


@pytest.mark.django_db
@pytest.mark.db_both
def test_a_walk_shows_drawdowns_months_and_the_rolling_sharpe(bob: User, browser_of: BrowserOf) -> None:
    make_universe()
    walk = ask(bob)
    while carry_next():
        pass
    page = browser_of(bob).get(f"/runs/{walk.run_id}/").text
    for text in ("Worst drawdowns", "Monthly returns, %", "Sharpe ratio of the last 63 trading days"):
        assert text in page
