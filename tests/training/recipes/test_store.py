"""Uploads stored by a run."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from instruments.imports.report import Report
from instruments.models import PriceBar, Series, Universe, Upload
from tests.instruments.files import csv, daily
from tests.instruments.uploaded import FRENCH, file, five
from tests.people import ApiOf, BrowserOf
from tests.training.recipes.test_walk_forward import carry_next
from training.models import Reason, Status, TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/data/uploads"


def uploaded(client: Any, *files: Any) -> str:
    answer = client.post(ADDRESS, {"files": [*files]}, format="multipart")
    assert answer.status_code == 201
    return f"{ADDRESS}/{answer.json()['upload_id']}/store"


def stored(client: Any, address: str, **body: Any) -> TrainingRun:
    answer = client.post(address, body)
    assert answer.status_code == 202, answer.json()
    assert carry_next()
    return TrainingRun.objects.get(run_id=answer.json()["run_id"])


def test_it_stores_what_the_report_told(api: ApiOf, carol: User, browser_of: BrowserOf) -> None:
    client = api(carol)
    address = uploaded(client, file(FRENCH, "BNP.csv"), five())
    run = stored(client, address, universe="mine", source="desk")
    assert (run.kind, run.status) == ("store", Status.COMPLETED)
    result = client.get(f"/api/training/runs/{run.run_id}").json()["result"]
    assert set(Report().as_dict()) <= set(result)
    assert (result["read"], result["inserted"], result["instruments"]["BNP"]["first"]) == (
        *(8, 8),
        "2012-04-03T00:00:00Z",
    )
    assert PriceBar.objects.get(series__instrument__symbol="BNP", timestamp__day=13).close == 102.75
    assert set(PriceBar.objects.values_list("source", flat=True)) == {"desk"}
    assert Universe.objects.get(name="mine").instruments.count() == 2
    page = browser_of(carol).get(f"/runs/{run.run_id}/").text
    assert "8 inserted" in page and "/backtest/?symbol=BNP&amp;timeframe=1d" in page
    assert [line["run_id"] for line in client.get("/api/training/runs?kind=store").json()] == [run.run_id]
    assert run.run_id in browser_of(carol).get("/runs/?kind=store").text
    assert client.get("/api/training/runs").json() == []
    assert stored(client, address, source="desk").result["unchanged"] == 8  # it is kept, for a second thought


def test_it_leaves_what_another_source_stored_unless_told_to_overwrite(api: ApiOf, carol: User) -> None:
    client = api(carol)
    stored(client, uploaded(client, five("SPY.csv")))
    address = uploaded(client, file(csv(*daily(6, price=11)), "other.csv"))
    result = stored(client, address).result
    assert (result["read"], result["inserted"], result["updated"], result["rejected"]) == (6, 1, 0, 5)
    result = stored(client, address, overwrite=True).result
    assert (result["inserted"], result["updated"], result["unchanged"], result["rejected"]) == (0, 5, 1, 0)


def test_it_takes_columns_dates_and_symbol_as_somebody_says(api: ApiOf, carol: User) -> None:
    client = api(carol)
    text = "Day,A,B,C,D,Name\n03/04/2012,2,3,1,2,x y\n05/04/2012,2,3,1,2,x y\n"
    columns = {"open": "A", "high": "B", "low": "C", "close": "D", "symbol": ""}
    address = uploaded(client, file(text, "prices.csv"))
    run = stored(client, address, columns=columns, date_order="day", symbol="QQQ", timeframe="1d")
    assert run.result["instruments"]["QQQ"]["last"] == "2012-04-05T00:00:00Z"


def test_it_fails_where_nothing_can_be_stored_and_says_why(api: ApiOf, carol: User) -> None:
    client = api(carol)
    bad = csv(*daily(3), "2020-01-09,10,9,11,10,1,SPY")
    address = uploaded(client, file(bad, "bad.csv"))
    run = stored(client, address)
    assert (run.status, run.error_reason) == (Status.FAILED, Reason.BAD_DATA)
    assert run.error.startswith("bad.csv: 1 bad row, nothing stored. First: line 5: high 9.0 is below open 10.0")
    assert not Series.objects.exists()
    assert stored(client, address, on_bad="skip").result["inserted"] == 3
    both = stored(client, uploaded(client, file(bad, "bad.csv"), five()))
    assert (both.status, both.result["rejected"]) == (Status.COMPLETED, 4)
    assert "bad.csv: 1 bad row, nothing stored" in both.result["sentence"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"columns": {"colour": "A"}}, "columns"),
        ({"columns": {"open": 5}}, "columns"),
        ({"columns": {"open": "None such"}}, "columns"),
        ({"symbol": "S&P"}, "symbol"),
        ({"timeframe": "1m"}, "timeframe"),
        ({"date_order": "year"}, "date_order"),
        ({"source": ""}, "source"),
        ({"source": 5}, "source"),
        ({"on_bad": "ignore"}, "on_bad"),
        ({"universe": "all"}, "universe"),
        ({"universe": ["a"]}, "universe"),
        ({"overwrite": 1}, "overwrite"),
    ],
)
def test_it_refuses_what_it_does_not_understand(api: ApiOf, carol: User, body: Any, field: str) -> None:
    answer = api(carol).post(uploaded(api(carol), five()), body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not TrainingRun.objects.exists()


def test_it_keeps_an_upload_for_its_run_and_fails_where_it_is_gone(api: ApiOf, carol: User) -> None:
    client = api(carol)
    address = uploaded(client, five())
    run_id = client.post(address, {}).json()["run_id"]
    assert (Upload.objects.get().expires_at - timezone.now()).total_seconds() > 20 * 3600
    Upload.objects.all().delete()
    assert carry_next()
    run = TrainingRun.objects.get(run_id=run_id)
    assert (run.status, run.error_reason) == (Status.FAILED, Reason.BAD_DATA) and "is gone" in run.error
    assert client.post(address, {}).status_code == 404
