import pytest
from django.contrib.auth.models import User

from tests.people import ApiOf
from tests.training.run_builders import make_run

pytestmark = pytest.mark.db_both
ADDRESS = "/api/training/latest-poc-run"


def test_it_shows_the_newest_run(alice: User, bob: User, carol: User, api: ApiOf) -> None:
    mine, newest = make_run(alice), make_run(carol)
    assert api(bob).get(ADDRESS).json()["run_id"] == newest.run_id
    assert api(alice).get(ADDRESS, {"mine": "1"}).json()["run_id"] == mine.run_id


def test_it_says_when_there_is_none(alice: User, carol: User, api: ApiOf) -> None:
    answer = api(alice).get(ADDRESS)
    assert answer.status_code == 404
    assert "run-poc" in answer.json()["detail"]
    make_run(carol)
    assert api(alice).get(ADDRESS, {"mine": "1"}).status_code == 404


def test_it_refuses_rubbish(alice: User, api: ApiOf) -> None:
    assert api(alice).get(ADDRESS, {"mine": "maybe"}).status_code == 400
    assert api(alice).get(ADDRESS, {"min": "1"}).status_code == 400


def test_it_is_for_members(stranger: User, api: ApiOf) -> None:
    assert api().get(ADDRESS).status_code == 401
    assert api(stranger).get(ADDRESS).status_code == 403
