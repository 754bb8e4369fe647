"""What a run's process may take grows with the bars of its universe, and ends where the host does."""

import pytest
from django.conf import settings

from tests.training.universe import make_universe
from training.recipes.base import MEMORY
from training.recipes.kinds import recipe_of
from training.worker import limits
from training.worker.limits import BYTES_A_BAR, available_memory, limits_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def test_it_is_what_the_recipe_says_without_a_universe() -> None:
    for universe in (None, "no_such"):
        found = limits_of("candle", universe)
        assert (found.memory, found.seconds) == (MEMORY, recipe_of("candle").time_limit_s)


def test_it_grows_with_the_bars_of_the_universe(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = 420 * len(make_universe())
    monkeypatch.setattr(limits, "available_memory", lambda: 64 * 2**30)
    for kind in ("universe", "fold", "walk", "recommend"):
        found = limits_of(kind, "few")
        assert found.memory == MEMORY + BYTES_A_BAR * bars
        assert recipe_of(kind).time_limit_s < found.seconds < settings.TASK_TIMEOUT_S


def test_it_ends_where_the_host_does_but_never_below_what_any_run_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "universe_bars", lambda _: 100_000_000)
    assert MEMORY <= limits_of("universe", "all").memory <= available_memory() + 60 * 2**30 + 2**28
    assert limits_of("universe", "all").seconds < settings.TASK_TIMEOUT_S
    monkeypatch.setattr(limits, "universe_bars", lambda _: 1000)
    monkeypatch.setattr(limits, "available_memory", lambda: 2**20)
    assert limits_of("universe", "all").memory == MEMORY
