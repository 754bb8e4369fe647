"""Splits and dividends from files and from sources: what is stored, what is refused, what a series is read by then."""

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from instruments.imports.actions import BasisRefused, action_delete, actions_write, basis_set
from instruments.imports.services import bars_write
from instruments.models import Basis, CorporateAction, Series
from instruments.quant.actions import DIVIDEND, SPLIT, Action, Prices
from tests.instruments.bars import empty
from tests.training.quant.noise import noise_bars

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
GOOD = """symbol,ex_day,kind,ratio,amount
AAPL,2014-06-09,split,7,
AAPL,2014-05-08,dividend,,3.29
MSFT,2014-05-13,dividend,,0.28
"""


@pytest.fixture(autouse=True)
def series() -> list[Series]:
    members = [empty(symbol, timeframe) for symbol, timeframe in (("AAPL", "1d"), ("AAPL", "1w"), ("MSFT", "1d"))]
    for member in members:
        bars_write(series=member, bars=noise_bars(30), source="made up")
    return members


def imported(tmp_path: Path, text: str, *options: str) -> dict[str, Any]:
    path, out = tmp_path / "actions.csv", io.StringIO()
    path.write_text(text)
    call_command("import_actions", str(path), "--json", *options, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def refused(tmp_path: Path, text: str, *options: str) -> str:
    with pytest.raises(CommandError) as refusal:
        imported(tmp_path, text, *options)
    return str(refusal.value)


def counts(answer: dict[str, Any]) -> list[int]:
    names = ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")
    assert answer["read"] == sum(answer[name] for name in names[1:])
    return [answer[name] for name in names]


def test_it_stores_the_actions_of_every_timeframe_and_again_changes_nothing(tmp_path: Path) -> None:
    answer = imported(tmp_path, GOOD)
    assert counts(answer) == [3, 3, 0, 0, 0, 0]
    assert answer["series"] == {"AAPL 1d": "vendor", "AAPL 1w": "vendor", "MSFT 1d": "vendor"}
    assert len(answer["changes"]) == 5 and answer["changes"][0]["before"] is None
    stored = CorporateAction.objects.get(series__timeframe="1d", kind=SPLIT)
    assert (stored.ex_day, stored.ratio, stored.amount, stored.source) == (date(2014, 6, 9), 7.0, None, "actions.csv")
    before = list(Series.objects.order_by("pk").values_list("updated_at", flat=True))
    assert counts(imported(tmp_path, GOOD)) == [3, 0, 0, 3, 0, 0]
    assert list(Series.objects.order_by("pk").values_list("updated_at", flat=True)) == before
    assert CorporateAction.objects.get(pk=stored.pk).known_at == stored.known_at


def test_it_tells_what_changed_and_since_when_that_is_known(tmp_path: Path) -> None:
    imported(tmp_path, GOOD)
    first = CorporateAction.objects.get(series__timeframe="1d", kind=SPLIT)
    answer = imported(tmp_path, GOOD.replace("split,7", "split,7.5"), "--timeframe", "1d", "--source", "exchange")
    assert counts(answer) == [3, 0, 1, 2, 0, 0]
    assert answer["changes"] == [
        {"symbol": "AAPL", "timeframe": "1d", "ex_day": "2014-06-09", "kind": "split", "before": 7.0, "after": 7.5}
    ]
    again = CorporateAction.objects.get(series__timeframe="1d", kind=SPLIT)
    assert again.known_at > first.known_at and again.source == "exchange"
    entry = AuditEntry.objects.filter(action="actions.import").latest("pk")
    assert entry.details["changes"] == ["AAPL 1d 2014-06-09 split 7.5, was 7"]


def test_it_names_every_bad_row_by_its_line_and_stores_nothing_unless_told(tmp_path: Path) -> None:
    rows = {
        "AAPL,2014-13-09,split,7,": "write it as 2024-06-10",
        "AAPL,1814-01-02,split,7,": "from 1900",
        "AAPL,2014-06-10,spinoff,7,": "neither split nor dividend",
        "AAPL,2014-06-11,split,,": "a split needs a ratio",
        "AAPL,2014-06-12,split,1,": "1 changes nothing",
        "AAPL,2014-06-13,split,-2,": "a split needs a ratio above 0",
        "AAPL,2014-06-14,dividend,,nan": "a dividend needs an amount",
        "AAPL,2014-06-15,dividend,,inf": "a dividend needs an amount",
        "AAPL,2014-06-16,dividend,,abc": "'abc' is no number",
        "AAPL,2014-06-17,dividend,4,0.5": "an amount and no ratio",
        "ZZZZ,2014-06-09,split,7,": "no bars of ZZZZ are stored",
        ",2014-06-09,split,7,": "no symbol",
        "AAPL,2014-06-09,split,4,": "another split of that day is in line 2",
        "MSFT,2014-05-13,dividend,,0.5": "give one row with their sum",
    }
    text = GOOD + "\n".join(rows) + "\nMSFT,2014-05-13,dividend,,0.28\n"
    reason = refused(tmp_path, text)
    assert "14 bad rows, nothing stored. First: line 5: the ex day '2014-13-09' is no day" in reason
    assert not CorporateAction.objects.exists()
    answer = imported(tmp_path, text, "--on-bad", "skip")
    assert counts(answer) == [18, 3, 0, 0, 14, 1]
    told = {problem["row"]: problem["reason"] for problem in answer["problems"]}
    assert all(wanted in told[line] for line, wanted in enumerate(rows.values(), start=5)), told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("symbol,date\nAAPL,2014-06-09\n", "No column kind, ratio or amount"),
        ("symbol,ex_day,kind,ratio\n", "No rows below the header"),
        ("", "actions.csv: "),
    ],
)
def test_what_is_no_table_of_actions_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refused(tmp_path, text)


def test_ratios_are_written_as_people_write_them(tmp_path: Path) -> None:
    rows = ("AAPL;2014-06-09;Split;7:1", "AAPL;2015-06-09;SPLIT;1/10", "MSFT;2014-05-13;Dividend;0.28")
    imported(tmp_path, "\n".join(("Ticker;Ex Date;Type;ratio|amount", *rows)))
    values = CorporateAction.objects.filter(series__timeframe="1d").order_by("ex_day").values_list("ratio", "amount")
    assert list(values) == [(None, 0.28), (7.0, None), (0.1, None)]


def test_a_manager_says_what_the_basis_is_and_weeks_have_none(tmp_path: Path) -> None:
    answer = imported(tmp_path, GOOD, "--basis", "as_traded")
    assert answer["series"] == {"AAPL 1d": "as_traded", "AAPL 1w": "vendor", "MSFT 1d": "as_traded"}
    assert "AAPL 1w: Weekly bars can't be read as traded" in answer["warnings"][0]
    with pytest.raises(BasisRefused):
        basis_set(series=Series.objects.get(timeframe="1w"), basis=Basis.AS_TRADED, user=None)


def test_a_source_of_prices_as_traded_turns_series_that_are_all_its_own(series: list[Series], carol: User) -> None:
    daily, weekly, other = series
    actions = [Action("AAPL", "2014-06-09", SPLIT, ratio=7.0)]
    for member, source, prices in (
        (daily, "made up", None),
        (daily, "made up", Prices.SPLIT),
        (daily, "tiingo", Prices.AS_TRADED),  # its bars are of another source
        (weekly, "made up", Prices.AS_TRADED),
    ):
        assert not actions_write(series=member, actions=actions, source=source, prices=prices).turned_as_traded
    assert not actions_write(series=other, actions=[], source="made up", prices=Prices.AS_TRADED).turned_as_traded
    assert actions_write(series=daily, actions=actions, source="made up", prices=Prices.AS_TRADED).turned_as_traded
    assert Series.objects.get(pk=daily.pk).basis == Basis.AS_TRADED == daily.basis
    assert AuditEntry.objects.filter(action="series.basis", subject="AAPL 1d").count() == 1


def test_two_dividends_of_a_day_are_their_sum_and_what_another_source_says_stays(series: list[Series]) -> None:
    paid = [Action("X", "2014-05-08", DIVIDEND, amount=1.0), Action("X", "2014-05-08", DIVIDEND, amount=2.5)]
    written = actions_write(series=series[0], actions=[*paid, paid[0], Action("X", "0", SPLIT, ratio=2)], source="one")
    assert [change.after for change in written.changes] == [3.5] and written.rejected == 1
    other = actions_write(series=series[0], actions=paid[:1], source="two", overwrite=False)
    assert other.changes == [] and other.clashing == paid[:1]
    assert CorporateAction.objects.get().amount == 3.5


def test_a_deleted_action_is_audited_and_noticed(series: list[Series], carol: User) -> None:
    actions_write(series=series[0], actions=[Action("X", "2014-05-08", DIVIDEND, amount=1.0)], source="one")
    before = Series.objects.get(pk=series[0].pk).updated_at
    action_delete(action=CorporateAction.objects.select_related("series__instrument").get(), user=carol)
    assert not CorporateAction.objects.exists() and Series.objects.get(pk=series[0].pk).updated_at > before
    entry = AuditEntry.objects.latest("pk")
    assert (entry.user, entry.action, entry.details["value"]) == (carol, "action.delete", 1.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": SPLIT, "ratio": 0.0},
        {"kind": SPLIT, "ratio": 2.0, "amount": 1.0},
        {"kind": DIVIDEND, "ratio": 2.0},
        {"kind": "spinoff", "ratio": 2.0},
    ],
)
def test_the_database_takes_no_unsound_action(series: list[Series], fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CorporateAction.objects.create(
            series=series[0], ex_day=date(2014, 6, 9), source="x", known_at=timezone.now(), **fields
        )


def test_the_database_keeps_no_weeks_as_traded() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Series.objects.filter(timeframe="1w").update(basis=Basis.AS_TRADED)
