"""Files looked at before they are stored: what is found, and what no file can do."""

import faulthandler
import gzip
import os
import re
import signal
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.utils import timezone

from instruments.imports import uploads
from instruments.imports.reader import apart
from instruments.imports.schema import Clash, ReadingOptions, UploadReport
from instruments.imports.services import bars_write, file_import
from instruments.imports.uploads import (
    UploadFindings,
    UploadRefused,
    reading_start,
    upload_create,
    upload_find,
    upload_findings,
    upload_paths,
    upload_read,
    uploads_expire,
)
from instruments.models import PriceBar, Upload
from tests.instruments.bars import empty
from tests.instruments.files import checked, csv, daily
from tests.instruments.parquet import BOMBS, parquet, prices
from tests.instruments.uploaded import FRENCH, file, five

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def findings(user: User, *files: Any, **options: Any) -> UploadFindings:
    upload = upload_create(user=user, files=files)
    assert upload_read(upload=upload, options=ReadingOptions(**options))
    return upload_findings(upload)


def report(user: User, *files: Any, **options: Any) -> UploadReport:
    found = findings(user, *files, **options).report
    assert found is not None
    assert found.read == sum(
        (found.inserted, found.updated, found.unchanged, found.clashing, found.rejected, found.duplicates)
    )
    return found


def stored(symbol: str, *, source: str, price: float = 10.0) -> None:
    bars = checked(csv(*daily(5, symbol=symbol, price=price))).bars[symbol]
    bars_write(series=empty(symbol, "1d"), bars=bars, source=source)


def test_it_tells_a_french_file_in_words(carol: User) -> None:
    found = findings(carol, file(FRENCH, "BNP.csv"))
    assert found.report is not None
    (reading,) = found.report.files
    assert (reading.refusal, reading.asks, reading.date_order, reading.decimal_comma) == ("", "", "day", True)
    assert (reading.first_in_words, reading.last_in_words) == ("3 April 2012", "13 April 2012")
    assert found.columns["close"] == "Clôture"
    assert found.previews[0].first[0] == ["03/04/2012", "103,42", "104,5", "102,1", "103,25", "1 234"]
    (symbol,) = found.report.symbols
    assert (symbol.symbol, symbol.timeframe, symbol.inserted) == ("BNP", "1d", 3)


def test_it_asks_which_number_is_the_month_where_no_date_tells(carol: User) -> None:
    text = FRENCH.replace("13/04/2012", "05/04/2012")
    (reading,) = report(carol, file(text, "BNP.csv")).files
    assert (reading.asks, reading.good, reading.rejected) == ("date_order", 1, 2)  # 04/04 is 4 April either way
    assert reading.reasons[0].reason == "a date that could be read in two ways"
    (reading,) = report(carol, file(text, "BNP.csv"), date_order="day").files
    assert (reading.asks, reading.good, reading.last_in_words) == ("", 3, "5 April 2012")


def test_it_asks_for_columns_and_shows_what_there_is_to_choose_from(carol: User) -> None:
    text = "Day,W,X,Y,Z\n2020-01-02,2,3,1,2\n2020-01-03,2,3,1,2\n"
    found = findings(carol, file(text))
    assert found.report is not None and found.report.files[0].asks == "columns"
    assert (found.columns, found.previews[0].header[1], len(found.previews[0].first)) == ({"time": "Day"}, "W", 2)
    named = {"open": "W", "high": "X", "low": "Y", "close": "Z"}
    assert report(carol, file(text), columns=named).inserted == 2


def test_it_asks_for_the_symbol_of_a_file_that_has_none(carol: User) -> None:
    text = "Date,Open,High,Low,Close\n2020-01-02,2,3,1,2\n"
    assert report(carol, file(text, "prices.csv")).files[0].asks == "symbol"
    assert report(carol, file(text, "prices.csv"), symbol="QQQ").symbols[0].symbol == "QQQ"


def test_it_tells_what_would_change_and_whose_bars_clash_before_anything_is_written(carol: User) -> None:
    stored("SPY", source="demo")
    stored("QQQ", source="mine.csv")
    rows = [*daily(6, price=11), *daily(2, symbol="QQQ"), *daily(3, symbol="QQQ", price=11, first=3)]
    found = findings(carol, file(csv(*rows), "mine.csv"))
    assert found.report is not None
    spy, qqq = found.report.symbols
    assert (spy.inserted, spy.updated, spy.unchanged, spy.clashing) == (1, 0, 0, 5)
    assert (qqq.inserted, qqq.updated, qqq.unchanged, qqq.clashing) == (0, 3, 2, 0)
    assert found.clashes == [Clash("SPY", "1d", 5, "demo")]
    assert PriceBar.objects.count() == 10 and not PriceBar.objects.filter(open=11).exists()


def test_it_stores_around_what_another_source_stored(carol: User) -> None:
    stored("SPY", source="demo")
    upload = upload_create(user=carol, files=[file(csv(*daily(6, price=11)), "mine.csv")])
    for path in upload_paths(upload):
        found = file_import(path=path, overwrite=False)
    assert (found.read, found.inserted, found.updated, found.rejected) == (6, 1, 0, 5)
    assert "5 bars that demo stored with other values stay" in found.warnings[0]
    for path in upload_paths(upload):
        assert file_import(path=path).updated == 5


def test_it_counts_bad_rows_by_reason_with_the_first_line(carol: User) -> None:
    bad = ["2020-02-01,x,11,9,10,1,SPY"] * 1_200 + ["2020-02-02,10,11,9,10,-1,SPY", "2020-02-03,NaN,11,9,10,1,SPY"]
    found = report(carol, file(csv(*daily(3), *bad)))
    assert [(r.reason, r.rows, r.first_line) for r in found.files[0].reasons] == [
        ("open is not a number", 1_200, 5),
        ("open is missing", 1, 1_206),
        ("volume is below zero", 1, 1_205),
    ]
    assert (len(found.problems), found.problems_omitted) == (1_000, 202)


HOSTILE = {
    "commas": (b",,\n" * 6_000_000, "No column for open"),
    "commas below a header": (b"date,open,high,low,close\n" + b",,\n" * 6_000_000, "first 10,000 rows are all bad"),
    "rubbish": (bytes(range(256)) * 800, "No column for|Not a table|damaged"),
    "zip bomb": (gzip.compress(b"0" * 50_000_000), "Not a table of text"),
    "zip bomb of lines": (gzip.compress(b"date,open,high,low,close\n" + b"," * 4 + b"\n," * 5_000_000), "all bad"),
    "half a gzip": (gzip.compress(FRENCH.encode() * 99)[:-20], "damaged or cut off"),
    "half a parquet": (b"PAR1" + bytes(range(256)), "Parquet file can't be read"),
    "spreadsheet": (b"PK\x03\x04rest", "zip archive or spreadsheet"),
    "empty": (b"", "empty"),
}


def test_it_reads_parquet_within_the_memory_that_it_may_have(carol: User) -> None:
    found = report(carol, file(parquet(prices(5)), "SPY.parquet"))
    assert (found.files[0].refusal, found.inserted) == ("", 5)


@pytest.mark.parametrize("name", BOMBS)
def test_it_refuses_a_parquet_bomb_and_reads_the_one_beside_it(carol: User, name: str) -> None:
    make, says = BOMBS[name]
    found = report(carol, file(make(), "SPY.parquet"), five())
    bad, good = found.files
    assert re.search(says, bad.refusal), bad.refusal
    assert (good.good, found.inserted) == (5, 5)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_refuses_a_hostile_file_and_reads_the_one_beside_it(carol: User, name: str) -> None:
    content, says = HOSTILE[name]
    found = report(carol, file(content, "rubbish.csv"), five())
    bad, good = found.files
    assert re.search(says, bad.refusal), bad.refusal
    assert (good.good, found.inserted) == (5, 5)


def _take_memory() -> None:
    bytearray(400 * 1024**2)


def _crash() -> None:
    faulthandler.disable()  # pytest's would tell of it at length
    os.kill(os.getpid(), signal.SIGSEGV)


def _take_time() -> None:
    while True:
        pass


def test_it_costs_one_file_alone_when_its_reader_dies() -> None:
    assert apart(lambda: None) == ""
    assert "ended from outside" in apart(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert "more memory" in apart(_take_memory, memory=100 * 1024**2)
    assert "more memory" in apart(_crash)
    assert "longer than" in apart(signal.pause, wall_s=1)
    assert "longer than" in apart(_take_time, cpu_s=1)
    assert apart(lambda: {}["none"]) == "This file can't be read."  # type: ignore[misc]


def test_it_says_so_where_the_reading_was_killed(carol: User) -> None:
    upload = upload_create(user=carol, files=[five()])
    upload.read_from, upload.readings = timezone.now(), 1
    upload.save()
    process = reading_start(upload)
    process.kill()
    process.wait()
    assert upload_findings(upload).report is None  # it might still be read elsewhere
    found = upload_findings(upload, is_over=True).report
    assert found is not None and "Upload it again" in found.files[0].refusal
    Upload.objects.update(read_from=timezone.now() - timedelta(hours=2))
    upload.refresh_from_db()
    assert upload_findings(upload).report == found


def test_it_answers_before_the_reading_has_ended(carol: User) -> None:
    upload = upload_create(user=carol, files=[five()])
    assert not upload_read(upload=upload, options=ReadingOptions(), wait_s=0)
    assert upload_findings(upload).report is None or upload_findings(upload).report.inserted == 5  # type: ignore[union-attr]


def test_it_refuses_too_many_too_large_and_nothing(carol: User, monkeypatch: pytest.MonkeyPatch) -> None:
    large = five()
    large.size = uploads.FILE_BYTES + 1
    for files, status in (([], 400), ([five()] * 21, 400), ([large], 413)):
        with pytest.raises(UploadRefused) as refusal:
            upload_create(user=carol, files=files)
        assert refusal.value.code == status
    many = [five() for _ in range(5)]
    for each in many:
        each.size = uploads.FILE_BYTES
    with pytest.raises(UploadRefused, match="200 MB in all"):
        upload_create(user=carol, files=many)
    for _ in range(uploads.MOST_READINGS):
        Upload.objects.create(expires_at=timezone.now(), files=[{"name": "a"}], read_from=timezone.now(), readings=1)
    with pytest.raises(UploadRefused, match="Try again in a minute"):
        upload_create(user=carol, files=[five()])


def test_it_forgets_an_upload_after_an_hour(carol: User) -> None:
    upload, younger = (upload_create(user=carol, files=[five("../../a\0/SPY.csv")]) for _ in range(2))
    assert upload.files[0]["name"] == "SPY.csv"
    assert timedelta(minutes=59) < upload.expires_at - timezone.now() <= timedelta(hours=1)
    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now())
    assert upload_find(upload.pk) is None
    uploads_expire()
    assert list(Upload.objects.all()) == [younger]
    folders, _ = storages["artifacts"].listdir("uploads")
    assert str(younger.pk) in folders and str(upload.pk) not in folders
