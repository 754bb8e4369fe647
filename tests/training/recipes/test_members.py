"""Runs, walks and recommendations over a universe whose members come and go."""

import hashlib
from datetime import date
from typing import Any

import pytest

from instruments.imports.membership import MemberRow, members_import
from instruments.models import Series, UniverseMember
from instruments.quant.bars import fingerprint
from instruments.store.columns import featured_candles
from predictions.recommendations.days import NotAdvisable
from predictions.recommendations.make import recommendations_make
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.recipes.test_universe_data import assert_same
from tests.training.universe import SYMBOLS, carried_universe, make_universe
from training.models import ModelVersion, TrainingRun
from training.quant.universe.spec import RECIPES, UniverseSpec
from training.recipes.universe.data import UniverseData, universe_data
from training.recipes.universe.shared_rows import path_of
from training.recipes.universe_verify.execute import universe_verification

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ALL = (*SYMBOLS, "GGG", "HHH")


@pytest.fixture(autouse=True)
def _universe() -> None:
    make_universe(symbols=ALL)


def day(bar: int) -> str:
    series = Series.objects.select_related("instrument").get(instrument__symbol="AAA")
    seconds = int(featured_candles([series])[0].candles.time[bar])
    return date.fromordinal(date(1970, 1, 1).toordinal() + seconds // 86_400).isoformat()


def have_dates(**stretches: tuple[str, str]) -> None:
    """Of these symbols `from` and `to`."""
    rows = [MemberRow(number, symbol, *dates) for number, (symbol, dates) in enumerate(stretches.items(), start=1)]
    assert not members_import(name="few", rows=rows, user=None).refused


def data(as_of: str | None = None) -> UniverseData:
    return universe_data(UniverseSpec(universe="few", horizon=5, as_of=as_of))


def told(run: TrainingRun) -> dict[str, Any]:
    return universe_verification(run, lambda *_: None)


def test_without_dates_the_hash_of_the_data_is_that_of_symbols_and_bars() -> None:
    series = list(Series.objects.order_by("instrument__symbol").select_related("instrument"))
    lines = [
        f"{one.instrument.symbol} {fingerprint(history.candles)}\n"
        for one, history in zip(series, featured_candles(series), strict=True)
    ]
    own = data()
    assert own.data_hash == hashlib.sha256("".join(lines).encode()).hexdigest() and own.panel.member is None
    have_dates(GGG=("", day(200)))
    assert data().data_hash != own.data_hash and data(day(200)).panel.member is None


def test_dates_after_the_runs_day_are_not_there_yet() -> None:
    have_dates(GGG=("", day(200)))
    until = day(300)
    before = data(until)
    have_dates(GGG=("", day(200)), AAA=("", day(301)), BBB=("", until))
    assert_same(data(until).panel, before.panel)
    assert data(until).data_hash == before.data_hash
    have_dates(HHH=(day(301), ""))
    assert "HHH" not in data(until).panel.symbols and "HHH" in data().panel.symbols


@pytest.mark.parametrize("recipe", RECIPES)
def test_runs_and_walks_are_the_same_again_whoever_came_or_went_since(recipe: str) -> None:
    have_dates(GGG=("", day(330)), HHH=(day(150), ""))
    run = carried_universe(recipe=recipe)
    spec = UniverseSpec.from_dict(run.config)
    assert path_of(spec) is not None
    carry_all()
    walk = TrainingRun.objects.get(kind="walk_confirmation")
    assert walk.status == "completed" and run.detail["membership"] == walk.detail["membership"]
    assert run.detail["membership"] == {"GGG": [[None, day(330)]], "HHH": [[day(150), None]]}
    have_dates(GGG=("", day(100)), HHH=("", ""), AAA=(day(50), day(60)))
    for each in (run, walk):
        answer = told(each)
        assert answer["identical"] and answer["truncation_identical"] and not answer["differs"], answer


def test_shared_rows_hang_on_dates() -> None:
    spec = UniverseSpec(universe="few", horizon=5)
    before = path_of(spec)
    have_dates(GGG=("", day(200)))
    assert path_of(spec) != before


def test_the_recommendations_of_a_day_are_for_its_members() -> None:
    have_dates(GGG=("", day(410)), HHH=(day(150), ""), FFF=(day(405), ""))
    carried_universe(as_of=day(399))
    model = ModelVersion.objects.select_related("run").latest("pk")

    def advised(bar: int) -> set[str]:
        made = recommendations_make(model=model, as_of=date.fromisoformat(day(bar)))[0]
        assert made.as_of.isoformat() == day(bar)
        rows = made.rows.select_related("series__instrument")
        assert sorted(row.rank for row in rows) == list(range(1, len(rows) + 1))
        return {row.series.instrument.symbol for row in rows}

    assert advised(404) == set(ALL) - {"FFF"}
    assert advised(410) == set(ALL)
    assert advised(411) == set(ALL) - {"GGG"}


def test_a_universe_that_has_ended_is_advised_up_to_its_last_day() -> None:
    carried_universe(as_of=day(399))
    model = ModelVersion.objects.select_related("run").latest("pk")
    have_dates(**{symbol: ("", day(405)) for symbol in ALL})
    made = recommendations_make(model=model, as_of=date.fromisoformat(day(407)))[0]
    assert made.as_of.isoformat() == day(405) and made.rows.count() == len(ALL)
    assert {row.bar_at.date().isoformat() for row in made.rows.all()} == {day(405)}
    with pytest.raises(NotAdvisable, match="stale"):
        recommendations_make(model=model, as_of=date.fromisoformat(day(419)))


def test_members_that_have_no_day_as_such_are_no_part_of_it() -> None:
    UniverseMember.objects.all().update(start=date(1970, 1, 1), end=date(1970, 1, 2))
    with pytest.raises(Exception, match="No member of the universe has a bar on or before its last day"):
        data()
