"""`import_members`: who was in a universe when, all of a file or nothing, and the same again when sent again."""

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from boursomatic.accounts.models import AuditEntry
from instruments.models import Instrument, Universe, UniverseMember
from instruments.quant.membership import Stretch, as_of, member_mask, overlaps
from instruments.universes import has_only_survivors, members_on, universe_membership

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


@pytest.fixture(autouse=True)
def _instruments() -> None:
    Instrument.objects.bulk_create(Instrument(symbol=symbol) for symbol in ("AAA", "BBB", "CCC"))


def imported(folder: Path, text: str, universe: str = "few") -> dict[str, Any]:
    """The command's JSON, whether it stored or refused."""
    path, output = folder / "members.csv", StringIO()
    path.write_text(text)
    try:
        call_command("import_members", path, "--universe", universe, "--json", stdout=output)
    except CommandError as refusal:
        return {**json.loads(output.getvalue() or "{}"), "refused": str(refusal)}
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def stored() -> list[tuple[str, str | None, str | None]]:
    rows = UniverseMember.objects.order_by("instrument__symbol", "start").values_list(
        "instrument__symbol", "start", "end"
    )
    return [(symbol, start and start.isoformat(), end and end.isoformat()) for symbol, start, end in rows]


def test_it_stores_stretches_and_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    text = "symbol,from,to\nAAA,,2012-06-30\nAAA,2014-01-02,\nBBB,2010-01-04,2013-12-31\nCCC,,\n"
    first = imported(tmp_path, text)
    assert first == {
        **{"universe": "few", "read": 4, "inserted": 4, "unchanged": 0, "removed": 0, "rejected": 0},
        **{"problems": [], "problems_omitted": 0},
    }
    expected = [("AAA", None, "2012-06-30"), ("AAA", "2014-01-02", None), ("BBB", "2010-01-04", "2013-12-31")]
    assert sorted(stored(), key=str) == sorted([*expected, ("CCC", None, None)], key=str)
    again = imported(tmp_path, text)
    assert (again["inserted"], again["unchanged"], again["removed"]) == (0, 4, 0)
    assert [entry.action for entry in AuditEntry.objects.all()] == ["universe.members"]
    assert Universe.objects.get().instruments.distinct().count() == 3


def test_named_instruments_get_new_stretches_and_others_stay(tmp_path: Path) -> None:
    imported(tmp_path, "symbol,from,to\nAAA,,\nBBB,2010-01-04,\n")
    report = imported(tmp_path, "ticker,start,end\nAAA,2011-01-03,2012-12-31\n")
    assert (report["inserted"], report["removed"]) == (1, 1)
    assert stored() == [("AAA", "2011-01-03", "2012-12-31"), ("BBB", "2010-01-04", None)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NOPE,,", "No instrument is called so"),
        (",2010-01-04,", "No symbol"),
        ("BBB,04.01.2010,", "from is '04.01.2010'; write it as 2015-03-31"),
        ("BBB,,2010-02-30", "to is '2010-02-30'"),
        ("BBB,2012-01-03,2011-01-03", "ends on 2011-01-03, before it begins"),
        ("AAA,2012-06-30,", "in an earlier row of the same symbol"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_nothing_is_stored(tmp_path: Path, line: str, reason: str) -> None:
    report = imported(tmp_path, f"symbol,from,to\n\nAAA,,2012-06-30\n{line}\n")
    assert [(problem["row"], reason in problem["reason"]) for problem in report["problems"]] == [(4, True)]
    assert (report["read"], report["rejected"]) == (2, 2) and "nothing stored" in report["refused"]
    assert stored() == [] and not Universe.objects.exists() and not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must name the columns symbol, from and to"),
        ("symbol,from\nAAA,\n", "must name the columns"),
        ("symbol,from,to\n", "no rows"),
        ('symbol,from,to\n"AAA\x00', "no"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in imported(tmp_path, text)["refused"] and not Universe.objects.exists()


def test_names_that_no_universe_can_have_are_refused(tmp_path: Path) -> None:
    for name in ("all", "a b"):
        assert "can't be named" in imported(tmp_path, "symbol,from,to\nAAA,,\n", name)["refused"]
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_members", tmp_path / "none.csv", "--universe", "few")
    (tmp_path / "bytes.csv").write_bytes(b"symbol,from,to\n\xff\xfe")
    with pytest.raises(CommandError, match="no text in UTF-8"):
        call_command("import_members", tmp_path / "bytes.csv", "--universe", "few")


def test_it_knows_who_is_in_it_on_a_day_both_ends_included(tmp_path: Path) -> None:
    imported(tmp_path, "symbol,from,to\nAAA,,2012-06-30\nAAA,2014-01-02,\nBBB,2010-01-04,2013-12-31\nCCC,,\n")
    for day, members in (
        (date(2010, 1, 3), "AAA CCC"),
        (date(2010, 1, 4), "AAA BBB CCC"),
        (date(2012, 6, 30), "AAA BBB CCC"),
        (date(2012, 7, 1), "BBB CCC"),
        (date(2013, 12, 31), "BBB CCC"),
        (date(2014, 1, 2), "AAA CCC"),
    ):
        there = Instrument.objects.filter(pk__in=members_on("few", day)).values_list("symbol", flat=True)
        assert " ".join(there) == members, day
    assert set(universe_membership("few")) == {"AAA", "BBB"} and universe_membership("all") == {}
    assert [stretch.start is None for stretch in universe_membership("few")["AAA"]] == [True, False]  # it is hashed
    assert not has_only_survivors("few") and has_only_survivors("all")


def test_the_database_holds_no_stretch_twice_or_backwards() -> None:
    universe, one = Universe.objects.create(name="few"), Instrument.objects.get(symbol="AAA")
    universe.instruments.add(one)
    universe.instruments.add(one)  # as often as it likes
    for dates in ({}, {"start": date(2012, 1, 3), "end": date(2012, 1, 2)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            UniverseMember.objects.create(universe=universe, instrument=one, **dates)


DAYS = st.integers(0, 40)
STRETCHES = st.lists(
    st.tuples(st.none() | DAYS, st.none() | DAYS)
    .filter(lambda pair: None in pair or pair[0] <= pair[1])
    .map(lambda pair: Stretch(*pair)),
    max_size=4,
)


@given(STRETCHES, DAYS)
def test_days_of_stretches_are_those_of_their_definition(stretches: list[Stretch], last: int) -> None:
    def slow(of: tuple[Stretch, ...] | list[Stretch], day: int) -> int:
        return sum((s.start is None or s.start <= day) and (s.end is None or day <= s.end) for s in of)

    days = np.arange(-5, 50)
    assert member_mask(stretches, days).tolist() == [slow(stretches, day) > 0 for day in days]
    assert overlaps(stretches) == any(slow(stretches, day) > 1 for day in range(-5, 50))
    until = np.arange(-5, last + 1)
    assert member_mask(as_of(stretches, last), until).tolist() == member_mask(stretches, until).tolist()
