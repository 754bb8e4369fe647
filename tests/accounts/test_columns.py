"""Each person chooses which columns of a table are to be seen."""

import re

import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.columns import MOST, hidden_columns
from tests.people import BrowserOf
from tests.training.run_builders import make_run
from training.models import Status
from training.web.tables import RUNS

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ALL = [column.name for column in RUNS.columns[1:]]
HEADING = re.compile(r'<th class="cell-(\w+)')


def test_a_person_hides_columns_of_a_table_for_himself_alone(alice: User, bob: User, browser_of: BrowserOf) -> None:
    make_run(alice, status=Status.COMPLETED)
    browser, address = browser_of(alice), "/runs/?status=completed&sort=-auc"
    form = {"all": ALL, "shown": ["auc", "subject"], "next": address}
    answer = browser.post("/account/columns/runs/", form)
    assert (answer.status_code, answer["Location"]) == (302, address)
    page = browser.get(address).text
    assert HEADING.findall(page) == ["run", "subject", "auc"]
    assert set(re.findall(r'<td class="cell-(\w+)', page)) == {"run", "subject", "auc"}
    assert len(re.findall(r'name="shown" value="\w+" checked', page)) == 2
    assert HEADING.findall(browser_of(bob).get("/runs/").text) == ["run", *ALL]
    csv = browser.get("/runs/", {"format": "csv"}).getvalue().decode()  # what is hidden on the page alone
    assert "pooled_auc" in csv.splitlines()[0]
    browser.post("/account/columns/runs/", {"all": ALL, "shown": ALL})
    assert HEADING.findall(browser.get("/runs/").text) == ["run", *ALL]


def test_it_keeps_names_of_columns_and_nothing_else(alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    names = ["auc", "<b>", "x" * 31, *(f"{'a' * (number + 1)}_" for number in range(25))] * 3
    assert browser.post("/account/columns/runs/", {"all": names, "next": "//evil.example/"})["Location"] == "/"
    hidden = hidden_columns(alice, "runs")
    assert "auc" in hidden and "<b>" not in hidden and len(hidden) <= MOST
    assert browser.post("/account/columns/nothing/", {"all": ["auc"]}).status_code == 404
    assert browser.get("/account/columns/runs/").status_code == 405


@pytest.mark.parametrize("address", ["/runs/", "/models/", "/trials/", "/instruments/", "/schedules/"])
def test_every_table_works_with_its_first_column_alone(dave: User, browser_of: BrowserOf, address: str) -> None:
    browser, name = browser_of(dave), address.strip("/")
    make_run(dave, status=Status.COMPLETED)
    browser.post(f"/account/columns/{name}/", {"all": ["subject", "status", "kind", "bars"]})
    assert browser.get(address).status_code == 200
    assert browser.get(address, {"format": "csv"}).status_code == 200
