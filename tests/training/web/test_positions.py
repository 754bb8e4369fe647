"""The list of a walk-forward's positions: page by page, sorted, filtered, as CSV, and gone with its run."""

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from instruments.models import Series
from instruments.store.read_bars import load_bars
from tests.people import BrowserOf
from tests.training.recipes.test_walk_forward import carry_next, walk_to_pool
from tests.training.run_builders import make_run
from training.models import RunPositions, Status, TrainingRun
from training.quant.walk_forward.positions import POSITION
from training.runs.deletion import sweep_deleted
from training.web.presenters.positions import POSITIONS

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
LINE = re.compile(r'href="/backtest/\?symbol=(\w+)&amp;timeframe=1d&amp;from=\d+&amp;to=\d+"')
NEXT = re.compile(r'rel="(next|prev)" href="([^"]+)"')


def pooled_walk() -> TrainingRun:
    walk = walk_to_pool()
    carry_next()
    walk.refresh_from_db()
    assert walk.status == Status.COMPLETED
    return walk


def made_walk(by: User, count: int) -> TrainingRun:
    """With positions of two symbols, a day each, whose returns differ."""
    run = make_run(by, kind="walk", universe="few", config={"horizon": 5}, status=Status.COMPLETED)
    rows = np.zeros(count, dtype=POSITION)
    number = np.arange(count)
    rows["as_of"], rows["entry"], rows["exit"] = number + 11_000, number + 11_001, number + 11_006
    rows["symbol"], rows["side"] = number % 2, np.where(number % 3, 1, -1)
    rows["gross"], rows["cost"], rows["bars"] = (number * 7919 % count) / 1000, 0.001, 5
    RunPositions.objects.create(run=run, symbols=["ZED", "ABC"], rows=rows.tobytes())
    return run


def lines_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def test_a_walk_lists_what_its_models_bought_and_sold(bob: User, browser_of: BrowserOf) -> None:
    walk = pooled_walk()
    browser, address = browser_of(bob), f"/runs/{walk.run_id}/positions/"
    assert f'href="{address}"' in browser.get(f"/runs/{walk.run_id}/").text
    page = browser.get(address).text
    lines = lines_of(browser.get(address, {"format": "csv"}))
    assert len(LINE.findall(page)) == min(len(lines), POSITIONS.size) and f"{len(lines):,} position" in page
    buys = sum(line["side"] == "BUY" for line in lines)
    assert buys == walk.result["pooled"]["buys"] and buys < len(lines)
    bars = {symbol: load_bars(Series.objects.get(instrument__symbol=symbol)).adjusted() for symbol in ("AAA", "BBB")}
    checked = 0
    for line in lines:
        if line["symbol"] in bars and line["is_open"] == "False":
            history = bars[line["symbol"]]
            entry, last = (place_of(history, line[name]) for name in ("entry", "exit"))
            assert (entry - place_of(history, line["as_of"]), last - entry, int(line["bars"])) == (1, 5, 5)
            side = 1 if line["side"] == "BUY" else -1
            gross = side * (history.open[last] / history.open[entry] - 1)
            assert float(line["net"]) == pytest.approx(gross - 0.001, abs=1e-6)
            checked += 1
    assert checked > 10


def place_of(bars: Any, day: str) -> int:
    return int(np.searchsorted(bars.time, (date.fromisoformat(day) - date(1970, 1, 1)).days * 86400))


@pytest.mark.parametrize("sort", ["", *(sign + column.name for column in POSITIONS.columns for sign in ("", "-"))])
def test_it_sorts_page_by_page_without_a_gap_and_back(sort: str, alice: User, browser_of: BrowserOf) -> None:
    count = 2 * POSITIONS.size + 7
    run, browser = made_walk(alice, count), browser_of(alice)
    address, pages, query = f"/runs/{run.run_id}/positions/", [], f"?sort={sort}"
    while query:
        text = browser.get(address + query).text
        pages.append(text.split("<tbody>")[1].split("</tbody>")[0])
        links = dict(NEXT.findall(text))
        query = links.get("next", "").replace("&amp;", "&")
    assert [len(LINE.findall(page)) for page in pages] == [POSITIONS.size, POSITIONS.size, 7]
    before = browser.get(address + links["prev"].replace("&amp;", "&")).text
    assert pages[1] in before
    lines = lines_of(browser.get(address, {"sort": sort, "format": "csv"}))
    assert [line["symbol"] for line in lines] == [symbol for page in pages for symbol in LINE.findall(page)]
    name = sort.removeprefix("-") or "as_of"
    numbers = {column.name for column in POSITIONS.columns if column.is_number}
    cells = [float(line[name]) if name in numbers else line[name] for line in lines]
    if name != "side":
        assert cells == sorted(cells, reverse=sort.startswith("-") or not sort)
    assert len({line["as_of"] for line in lines}) == count


def test_it_filters_by_symbol_and_side(alice: User, browser_of: BrowserOf) -> None:
    run, browser = made_walk(alice, 90), browser_of(alice)
    address = f"/runs/{run.run_id}/positions/"
    lines = lines_of(browser.get(address, {"symbol": "ab", "side": "SELL", "format": "csv"}))
    assert {(line["symbol"], line["side"]) for line in lines} == {("ABC", "SELL")} and len(lines) == 15
    page = browser.get(address, {"symbol": "ab", "side": "SELL", "sort": "-net"}).text
    assert "15 positions" in page and "?symbol=ab&amp;side=SELL&amp;sort=net" in page
    assert "No position fits these filters" in browser.get(address, {"symbol": "none"}).text
    for odd in ({"after": "x"}, {"after": 10**12}, {"before": 0}, {"sort": "nothing"}, {"side": "HOLD"}):
        assert browser.get(address, odd).status_code == 200, odd


def test_it_says_why_there_are_none(alice: User, bob: User, browser_of: BrowserOf) -> None:
    old = make_run(alice, kind="walk", universe="few", status=Status.COMPLETED)
    failed = make_run(alice, kind="walk", universe="few", status=Status.FAILED)
    waiting = make_run(alice, kind="walk", universe="few")
    browser = browser_of(alice)
    page = browser.get(f"/runs/{old.run_id}/positions/").text
    assert "before positions were stored" in page and f"/training/universe/?from={old.run_id}" in page
    assert "Whoever may train" in browser_of(bob).get(f"/runs/{old.run_id}/positions/").text
    assert "no result" in browser.get(f"/runs/{failed.run_id}/positions/").text
    assert "when all folds" in browser.get(f"/runs/{waiting.run_id}/positions/").text
    candle = make_run(alice)
    assert browser.get(f"/runs/{candle.run_id}/positions/").status_code == 404


def test_they_go_with_their_run(alice: User, browser_of: BrowserOf) -> None:
    run, browser = made_walk(alice, 3), browser_of(alice)
    browser.post(f"/runs/{run.run_id}/delete")
    assert browser.get(f"/runs/{run.run_id}/positions/").status_code == 404
    TrainingRun.objects.filter(pk=run.pk).update(deleted_at=timezone.now() - timedelta(minutes=11))
    assert sweep_deleted(10) == 1 and not RunPositions.objects.exists()
