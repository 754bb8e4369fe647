"""What may be said, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.quant.candle.verdict import (
    Counted,
    Evidence,
    Label,
    Verdict,
    can_be_evidence,
    judge,
    label_of,
    level_text,
    next_trial_text,
    p_text,
)
from training.quant.stats.multiple_testing import trial_level

P = st.floats(0.00001, 1.0)


def evidence(p: float, *, rows: int = 385, windows: int = 11, predicted_up: int | None = None) -> Evidence:
    return Evidence(0.58, (0.5, 0.66), p, rows, windows, rows // 2, predicted_up)


def verdict(
    pooled: float | None,
    k: int = 1,
    *,
    single: float = 0.2,
    confirmed: bool = True,
    suffices: bool = True,
    up: int = 200,
) -> Verdict:
    """Of the k-th trial on SPY, as its completion and its confirmation fix it."""
    pool = evidence(pooled, predicted_up=up) if pooled else None
    level = trial_level(k)
    label = label_of(pooled or single, level=level if pooled and suffices else None)
    return judge(
        single=evidence(single, rows=35, windows=1),
        pooled=pool,
        confirmed=confirmed,
        counted=Counted(k=k, level=level, p_value=pooled, label=label),
        on="SPY",
    )


def test_it_calls_evidence_only_what_is_below_the_trials_own_level() -> None:
    assert verdict(0.001).label == Label.EVIDENCE
    assert verdict(0.001, 6).label == Label.EVIDENCE  # needs 0.0012
    assert verdict(0.001, 7).label == Label.WEAK  # needs 0.0009
    assert verdict(trial_level(3), 3).label == Label.WEAK  # below, not at
    assert verdict(0.2).label == Label.NO_EVIDENCE


def test_it_says_that_too_few_windows_are_no_evidence() -> None:
    few = verdict(0.001, suffices=False)
    assert few.label == Label.WEAK and "evidence needs a confirmation of at least 3 windows" in few.sentence


@pytest.mark.parametrize(
    ("up", "words"),
    [
        (385, "it said up at all 385 candles: following it is buy and hold"),
        (0, "it said down at all 385 candles: following it is holding nothing"),
    ],
)
def test_it_names_a_model_that_always_says_the_same(up: int, words: str) -> None:
    constant = verdict(0.0001, up=up, suffices=False)
    assert words in constant.sentence and "windows" not in constant.sentence
    assert "it said" not in verdict(0.0001).sentence


@pytest.mark.parametrize(
    ("up", "windows", "suffices"), [(0, 10, False), (385, 10, False), (1, 10, True), (200, 3, True), (200, 2, False)]
)
def test_it_takes_a_constant_model_or_few_windows_for_weak_at_most(up: int, windows: int, suffices: bool) -> None:
    assert can_be_evidence(evidence(1e-9, predicted_up=up), windows=windows) is suffices


def test_it_calls_an_unconfirmed_run_weak_at_most() -> None:
    found = verdict(None, single=0.0001, confirmed=False)
    assert (found.label, found.confirmed, found.adjusted_p_value) == (Label.WEAK, False, None)
    assert "with 35 candles, an AUC below 0.67 can't be told from chance" in found.sentence


def test_it_says_it_in_one_sentence() -> None:
    found = verdict(0.41, 14)
    assert found.sentence == (
        "No evidence of skill: AUC 0.58 on 35 candles is what luck gives in 1 of 5 runs; "
        "over 385 candles it was 0.58 (p = 0.41); 14 trials on SPY."
    )
    assert (found.tries, found.trial, found.level, found.adjusted_p_value) == (14, 14, 0.05 / 210, 1.0)
    weak = verdict(0.002, 14)
    assert weak.sentence.endswith("(p = 0.002); 14 trials on SPY: the 14th needs p < 0.0002.")
    assert weak.adjusted_p_value == pytest.approx(0.42)


def test_it_marks_what_holm_has_judged() -> None:
    old = judge(
        single=evidence(0.2, rows=35, windows=1),
        pooled=evidence(0.002),
        confirmed=True,
        counted=Counted(k=14, level=None, p_value=0.002, label=Label.EVIDENCE),
        on="SPY",
    )
    assert (old.label, old.level, old.trial, old.tries) == (Label.EVIDENCE, None, None, 14)
    assert old.sentence.startswith("Evidence of skill: ")
    assert old.sentence.endswith("; 14 trials on SPY (by Holm, before the change).")


def test_it_says_by_which_run_a_trial_was_confirmed() -> None:
    """The same settings on the same data, of which only another run was confirmed: one trial, one verdict."""
    found = judge(
        single=evidence(0.2, rows=35, windows=1),
        pooled=None,
        confirmed=False,
        counted=Counted(k=2, level=trial_level(2), p_value=0.03, label=Label.WEAK),
        on="SPY",
    )
    assert (found.p_value, found.rows, found.confirmed) == (0.03, 35, False)
    assert "another run of the same trial was confirmed (p = 0.03)" in found.sentence


def test_it_says_when_there_is_nothing_to_rank() -> None:
    counted = Counted(k=1, level=0.025, p_value=None, label=Label.NO_EVIDENCE)
    found = judge(single=None, pooled=None, confirmed=True, counted=counted, on="SPY")
    assert "one class only" in found.sentence
    assert found.p_value is None
    live = judge(single=None, pooled=None, confirmed=False, counted=counted, on="SPY")
    assert "Not judged yet" in live.sentence


@given(pooled=P, k=st.integers(1, 60), more=st.integers(1, 60))
def test_it_never_says_more_of_a_later_trial(pooled: float, k: int, more: int) -> None:
    rank = list(Label)
    sooner, later = verdict(pooled, k), verdict(pooled, k + more)
    assert rank.index(later.label) <= rank.index(sooner.label)
    assert later.adjusted_p_value is not None and later.adjusted_p_value >= pooled - 1e-12


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.6, "more than half of all runs"),
        (0.2, "1 of 5 runs"),
        (0.0002, "1 of 5,000 runs"),
        (2e-6, "1 of 500,000 runs"),
        (3.2e-7, "a share of 3e-7 of all runs"),
    ],
)
def test_it_puts_odds_in_words(p: float, words: str) -> None:
    assert words in verdict(None, single=p, confirmed=False).sentence


def test_it_says_a_p_value_that_is_beyond_all_permutations() -> None:
    assert "over 385 candles it was 0.58 (p = 3e-7); 40 trials on SPY: the 40th needs p < 3e-5." in (
        verdict(3.2e-7, 40).sentence
    )


def test_it_says_what_the_next_trial_needs() -> None:
    assert next_trial_text(7, "SPY") == "at least the 7th trial on SPY: needs p < 0.0009"
    assert next_trial_text(1, "SPY") == "at least the 1st trial on SPY: needs p < 0.025"
    assert next_trial_text(100, "SPY").endswith("100th trial on SPY: needs p < 5e-6")
    assert [next_trial_text(k, "X").split()[3] for k in (2, 3, 11, 12, 22, 111)] == [
        "2nd", "3rd", "11th", "12th", "22nd", "111th",
    ]  # fmt: skip
    assert [level_text(trial_level(k)) for k in (1, 2, 6, 30)] == ["0.025", "0.0083", "0.0012", "5e-5"]
    assert [p_text(p) for p in (0.41, 0.012, 0.002, 3.2e-6, 1e-12)] == ["0.41", "0.01", "0.002", "3e-6", "1e-12"]
