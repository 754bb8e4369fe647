"""Splits and dividends over REST."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from instruments.models import CorporateAction
from tests.market import make_series
from tests.people import ApiOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
URL = "/api/instruments/SPY/actions"
SPLIT = {"ex_day": "2019-06-10", "kind": "split", "ratio": 4}
DIVIDEND = {"ex_day": "2019-03-15", "kind": "dividend", "amount": 1.23}


def test_a_manager_stores_them_as_json_or_csv_and_everybody_reads_them(api: ApiOf, carol: User, bob: User) -> None:
    make_series()
    make_series(timeframe="1w")
    answer = api(carol).post(f"{URL}?timeframe=1d", [SPLIT, DIVIDEND], format="json")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["inserted"] == 2 and answer.json()["series"] == {"SPY 1d": "vendor"}
    text = "ex_day,kind,ratio,amount\n2019-06-10,split,5,\n2019-03-15,dividend,,1.23\n"
    changed = api(carol).post(f"{URL}?source=exchange", text, content_type="text/csv").json()
    assert (changed["updated"], changed["inserted"], changed["unchanged"]) == (0, 2, 0)  # new of the weeks
    assert [change["before"] for change in changed["changes"]] == [4.0, None, None]
    rows = api(bob).get(URL).json()
    assert [row["timeframe"] for row in rows] == ["1w", "1w", "1d", "1d"]
    assert rows[0].keys() == {"id", "symbol", "timeframe", "ex_day", "kind", "ratio", "amount", "source", "known_at"}
    daily = {row["kind"]: row for row in api(bob).get(f"{URL}?timeframe=1d").json()}
    assert (daily["split"]["ratio"], daily["split"]["source"], daily["split"]["amount"]) == (5.0, "exchange", None)
    page = api(bob).get(f"{URL}?limit=3")
    assert len(page.json()) == 3 and 'rel="next"' in page["Link"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([{**SPLIT, "ratio": "4"}], "ratio must be a number"),
        ([{**SPLIT, "ratio": True}], "ratio must be a number"),
        ([{**SPLIT, "more": 1}], "Unknown field"),
        ([{**SPLIT, "symbol": "IBM"}], "of IBM, not of SPY"),
        ([{**SPLIT, "ex_day": "soon"}], "is no day"),
        ([{**SPLIT, "ratio": -1}], "ratio above 0"),
        ([], "Send an array"),
        ({"ex_day": "2019-06-10"}, "Send an array"),
    ],
)
def test_what_is_no_action_is_refused_in_words(api: ApiOf, carol: User, body: Any, why: str) -> None:
    make_series()
    answer = api(carol).post(URL, body, format="json")
    assert answer.status_code == 400 and why in answer.text
    assert not CorporateAction.objects.exists()


def test_it_needs_an_instrument_a_role_and_parameters_that_are(api: ApiOf, carol: User, alice: User) -> None:
    make_series()
    assert api(alice).post(URL, [SPLIT], format="json").status_code == 403
    assert api(carol).post(URL.replace("SPY", "NONE"), [SPLIT], format="json").status_code == 404
    assert api(carol).get(URL.replace("SPY", "NONE")).status_code == 404
    for query in ("timeframe=2d", "on_bad=keep", "basis=as_traded"):
        assert api(carol).post(f"{URL}?{query}", [SPLIT], format="json").status_code == 400
    assert api(carol).get(f"{URL}?source=x").status_code == 400
    answer = api(carol).post(f"{URL}?on_bad=skip", [SPLIT, {**DIVIDEND, "amount": 0}], format="json").json()
    assert (answer["inserted"], answer["rejected"]) == (1, 1) and answer["problems"][0]["row"] == 2
