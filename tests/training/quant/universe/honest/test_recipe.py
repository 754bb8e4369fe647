"""Against the protocol in plain loops; nothing later than a day moves what was fitted on it or before it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from tests.training.quant.universe.honest.worlds import SHORT, H, drifting_panel, members, panel
from tests.training.quant.universe.ragged import panel_of
from tests.training.quant.universe.test_judge import slow_exposures
from training.quant.universe.honest.composite import ROWS, composite_weights, horizons_of
from training.quant.universe.honest.run import train_honest
from training.quant.universe.honest.train import (
    HonestFit,
    HonestRows,
    first_ic,
    fit_honest,
    fold_ic,
    honest_rows,
    mean_ic,
    score_rows,
    score_table,
)
from training.quant.universe.honest.walk import HonestFold, honest_fold, judge_walk
from training.quant.universe.judge import rank_test
from training.quant.universe.panel import MODEL_FEATURES, Panel, TooLittle
from training.quant.universe.spec import HONEST, UniverseSpec

UNTIL = 240
PARTLY = 204  # a place at which a name that ended has outcomes to come


@pytest.fixture(scope="module")
def whole() -> Panel:
    return panel()


@pytest.fixture(scope="module")
def rows(whole: Panel) -> HonestRows:
    return honest_rows(whole, H)


def fit_until(rows: HonestRows, until: int = UNTIL, **options: int) -> HonestFit:
    return fit_honest(rows, until=until, with_trees=False, seed=42, **options)


@pytest.fixture(scope="module")
def all_ranks(whole: Panel) -> dict[int, np.ndarray]:
    return {r: x for day in np.unique(whole.day).tolist() for r, x in slow_ranks(whole, day).items()}


def spoken(fold: HonestFold) -> tuple[np.ndarray, np.ndarray]:
    return fold.rows, fold.scores["composite"]


def slow_ranks(whole: Panel, day: int) -> dict[int, np.ndarray]:
    """Row number -> centred ranks of its features."""
    numbers = np.flatnonzero(whole.day == day)
    ranks = np.zeros((len(numbers), len(MODEL_FEATURES)))
    for k in range(len(MODEL_FEATURES)):
        column = whole.features[numbers, k].astype(float)
        there = ~np.isnan(column)
        ranks[there, k] = (rankdata(column[there]) - 0.5) / there.sum() - 0.5
    return dict(zip(numbers.tolist(), ranks, strict=True))


def slow_targets(whole: Panel, rows: HonestRows, horizon: int, until: int) -> dict[int, float]:
    forward, targets = whole.forward[horizon], {}
    volatility = MODEL_FEATURES.index("volatility_20")
    for day in np.unique(whole.day).tolist():
        numbers = np.flatnonzero(whole.day == day)
        usual = np.median(whole.features[numbers, volatility].astype(float))
        fitted = [r for r in numbers.tolist() if forward.outcome[r] <= until]
        if len(fitted) < rows.exposures.factors[day // 20] + 5:
            continue
        mean = np.mean([forward.returns[r] for r in fitted])
        deviation = [max(float(whole.features[r, volatility]), usual / 4) * np.sqrt(horizon) for r in fitted]
        u = np.clip([(forward.returns[r] - mean) / s for r, s in zip(fitted, deviation, strict=True)], -4, 4)
        a = slow_exposures(rows.exposures, day, whole.instrument[fitted].tolist())
        u = u - a @ np.linalg.lstsq(a, u, rcond=None)[0]
        targets.update(zip(fitted, u / u.std(), strict=True))
    return targets


@pytest.mark.parametrize(("until", "since"), [(UNTIL, 0), (UNTIL, 130), (320, 0)])
def test_it_equals_a_slow_fit(
    whole: Panel, rows: HonestRows, all_ranks: dict[int, np.ndarray], until: int, since: int
) -> None:
    fit, ranks = fit_until(rows, until, since=since), all_ranks
    later = np.flatnonzero(whole.day == until + 3)
    average = np.zeros(len(later))
    for horizon in (H, SHORT):
        targets = {r: u for r, u in slow_targets(whole, rows, horizon, until).items() if whole.day[r] >= since}
        total = np.sum([ranks[r] * u for r, u in targets.items()], axis=0)
        np.testing.assert_allclose(fit.weights[horizon], total / len(targets), atol=1e-7)
        average += rankdata([ranks[r] @ total for r in later.tolist()])
        if horizon == H:
            assert fit.rows == len(targets)
            assert fit.mean_return == pytest.approx(np.mean([whole.returns[r] for r in targets]))
    assert np.array_equal(rankdata(score_rows(rows, later, fit)), rankdata(average))
    outcomes = [whole.forward[h].outcome for h in (H, SHORT)]
    assert fit.used_until == max(int(outcome[outcome <= until].max()) for outcome in outcomes)


def test_it_has_a_second_composite_for_a_quarter_of_the_horizon() -> None:
    assert [horizons_of(h) for h in (1, 3, 4, 5, 20, 60)] == [(1,), (3,), (4, 1), (5, 1), (20, 5), (60, 15)]


def test_its_targets_of_a_fold_are_those_of_a_panel_cut_there(whole: Panel, rows: HonestRows) -> None:
    """Of a day with outcomes partly known: mean, projection and scale come from the known ones alone."""
    cut = honest_rows(panel_of({s: b.slice(0, _bars(b, whole, PARTLY)) for s, b in members().items()}, H, SHORT), H)
    of_cut = dict(zip(zip(cut.day.tolist(), cut.instrument.tolist(), strict=True), cut.targets[H], strict=True))
    targets = rows.targets_until(H, PARTLY)
    for number in np.flatnonzero(rows.day <= PARTLY).tolist():
        np.testing.assert_equal(targets[number], of_cut[rows.day[number], rows.instrument[number]])
    assert np.isnan(targets[rows.day > PARTLY]).all()
    assert (targets != rows.targets[H])[rows.forward[H].outcome <= PARTLY].any()


def test_it_knows_nothing_of_later_bars(whole: Panel, rows: HonestRows) -> None:
    """Fitted on the outcomes known on a day: weights and scores up to that day are the same to the last bit."""
    rng, changed = np.random.default_rng(1), {}
    for symbol, bars in members().items():
        stop = _bars(bars, whole, UNTIL)
        factor = np.ones(len(bars))
        factor[stop:] = rng.uniform(0.5, 2.0, len(bars) - stop)
        prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close", "adj_close")}
        changed[symbol] = replace(bars, **prices)
    other = honest_rows(panel_of(changed, H, SHORT), H)
    before, after = fit_until(rows), fit_until(other)
    assert all(np.array_equal(before.weights[h], after.weights[h]) for h in (H, SHORT))
    assert (before.mean_return, before.used_until) == (after.mean_return, after.used_until)
    known, also = (np.flatnonzero(some.day <= UNTIL) for some in (rows, other))
    assert np.array_equal(score_rows(rows, known, before), score_rows(other, also, after))
    assert np.array_equal(rows.sigma(known), other.sigma(also))


def test_it_scores_names_wherever_they_stand(whole: Panel, rows: HonestRows) -> None:
    mixed = panel_of(dict(reversed(members().items())), H, SHORT)
    others = honest_rows(mixed, H)
    fits = fit_until(rows), fit_until(others)
    np.testing.assert_allclose(fits[0].weights[H], fits[1].weights[H], atol=1e-9)
    tables = [
        score_table(some, chosen, score_rows(some, chosen, fit), first=250, last=300)
        for some, fit in zip((rows, others), fits, strict=True)
        for chosen in [np.flatnonzero((some.day >= 250) & (some.day <= 300))]
    ]
    np.testing.assert_allclose(tables[0], tables[1][:, ::-1], atol=1e-12)


def test_it_finds_drifts_and_says_how_well_it_ranked_before() -> None:
    drifting = drifting_panel()
    rows = honest_rows(drifting, H)
    folds = [honest_fold(rows, first=f, last=f + 39, with_trees=False, seed=42) for f in (210, 250, 290)]
    chosen, scores = (np.concatenate(parts) for parts in zip(*map(spoken, folds), strict=True))
    assert len(chosen) == 120 * 24 and rows.forward[H].outcome[chosen].max() == len(drifting.days)
    p_value = judge_walk(rows, folds, close=drifting.close).p_value
    table = score_table(rows, chosen, scores, first=210, last=329)
    test = rank_test(table, first=210, horizon=H, close=drifting.close, exposures=rows.exposures)
    assert p_value is not None and p_value < 1e-3 and p_value == test.p_value
    for number, first in ((1, 250), (2, 290)):
        earlier = [spoken(fold) for fold in folds[:number]]
        assert fold_ic(rows, earlier, first=first) == pytest.approx(_slow_ic(drifting, earlier, first))
    assert fold_ic(rows, [], first=210) is None


def test_what_the_score_beside_shows_is_what_the_whole_test_says_of_it(whole: Panel, rows: HonestRows) -> None:
    spec = UniverseSpec(recipe=HONEST, horizon=H, refit=False)
    outcome = train_honest(whole, spec, on_stage=lambda *_: None, rows=rows)
    chosen, scores = outcome.split.test, outcome.test.predictions.beside
    first, last = int(rows.day[chosen].min()), int(rows.day[chosen].max())
    table = score_table(rows, chosen, scores, first=first, last=last)
    test = rank_test(table, first=first, horizon=H, close=whole.close, exposures=rows.exposures)
    ic = mean_ic(rows, chosen, scores, until=len(whole.days) - 1)
    assert outcome.beside == {"trees": {"rank_ic": ic, "p_value": test.p_value}}
    assert ic is not None and test.p_value is not None


def test_its_first_ic_is_of_the_last_fifth_of_the_training_days() -> None:
    drifting = drifting_panel()
    rows = honest_rows(drifting, H)
    days = np.unique(rows.day[rows.forward[H].outcome <= 200])
    start = int(days[int(0.8 * len(days))])
    later = np.flatnonzero((rows.day >= start) & (rows.day <= days[-1]))
    own = [(later, score_rows(rows, later, fit_until(rows, start)))]
    assert first_ic(rows, until=200, seed=42, score="composite") == pytest.approx(_slow_ic(drifting, own, 200))
    assert mean_ic(rows, later, own[0][1], until=start) is None


def test_a_fold_has_seen_nothing_later_than_its_first_day(rows: HonestRows) -> None:
    for embargo in (0, 6):
        fold = honest_fold(rows, first=UNTIL, last=260, embargo=embargo, with_trees=True, seed=42)
        assert UNTIL - embargo - H < fold.fit.used_until <= UNTIL - embargo
        weights = fit_until(rows, UNTIL - embargo).weights
        assert all(np.array_equal(fold.fit.weights[h], weights[h]) for h in (H, SHORT))
        assert set(fold.scores) == {"composite", "trees"} and len(fold.scores["trees"]) == len(fold.rows)


def test_it_needs_five_instruments_a_day() -> None:
    few = honest_rows(
        panel_of({f"S{j:02}": bars for j, bars in enumerate(list(members().values())[10:14])}, H, SHORT), H
    )
    with pytest.raises(TooLittle, match="Too few instruments: no day has 5"):
        fit_until(few)
    assert first_ic(few, until=UNTIL, seed=42, score="composite") == first_ic(few, until=3, seed=1, score="trees") == 0


def test_its_weights_are_of_blocks_of_rows() -> None:
    rng = np.random.default_rng(1)
    ranks = np.asfortranarray(rng.uniform(-0.5, 0.5, (2 * ROWS + 7, 3)).astype(np.float32))
    targets = np.where(rng.random(len(ranks)) < 0.1, np.nan, rng.normal(size=len(ranks)))
    there = ~np.isnan(targets)
    expected = ranks[there].astype(float).T @ targets[there] / there.sum()
    np.testing.assert_allclose(composite_weights(ranks, targets), expected, atol=1e-12)


def _bars(bars: object, whole: Panel, day: int) -> int:
    """How many of an instrument's bars lie on days up to that place."""
    return int(np.searchsorted(bars.time // 86_400, whole.days[day], side="right"))  # type: ignore[attr-defined]


def _slow_ic(whole: Panel, parts: list[tuple[np.ndarray, np.ndarray]], until: int) -> float:
    scores = {int(r): s for chosen, values in parts for r, s in zip(chosen, values, strict=True)}
    scores = {r: s for r, s in scores.items() if whole.outcome[r] <= until}
    days = sorted({int(whole.day[r]) for r in scores})
    by_day = [[r for r in scores if whole.day[r] == day] for day in days]
    return float(np.mean([spearmanr([scores[r] for r in rs], whole.returns[rs]).statistic for rs in by_day]))
