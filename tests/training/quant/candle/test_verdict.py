"""What may be said, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.quant.candle.verdict import Evidence, Label, Verdict, judge

P = st.floats(0.00001, 1.0)


def evidence(p: float, *, rows: int = 385, windows: int = 11) -> Evidence:
    return Evidence(0.58, (0.5, 0.66), p, rows, windows, rows // 2)


def verdict(pooled: float | None, tries: list[float | None], *, single: float = 0.2, confirmed: bool = True) -> Verdict:
    pool = evidence(pooled) if pooled else None
    return judge(
        single=evidence(single, rows=35, windows=1), pooled=pool, confirmed=confirmed, tries=tries, own=0, on="SPY"
    )


def test_it_calls_evidence_only_what_survives_the_count_of_tries() -> None:
    assert verdict(0.001, [0.001]).label == Label.EVIDENCE
    assert verdict(0.001, [0.001, *[None] * 60]).label == Label.WEAK
    assert verdict(0.2, [0.2]).label == Label.NO_EVIDENCE


def test_it_calls_an_unconfirmed_run_weak_at_most() -> None:
    found = verdict(None, [None], single=0.0001, confirmed=False)
    assert (found.label, found.confirmed, found.adjusted_p_value) == (Label.WEAK, False, None)
    assert "with 35 candles, an AUC below 0.67 can't be told from chance" in found.sentence


def test_it_says_it_in_one_sentence() -> None:
    found = verdict(0.41, [0.41, *[0.5] * 13])
    assert found.sentence == (
        "No evidence of skill: AUC 0.58 on 35 candles is what luck gives in 1 of 5 runs; "
        "over 385 candles it was 0.58 (p = 0.41); 14 tries on SPY."
    )
    best = verdict(0.002, [0.002, *[0.5] * 13])
    assert best.sentence.endswith("(p = 0.002); as the best of 14 tries on SPY that is p = 0.03.")


def test_it_says_when_there_is_nothing_to_rank() -> None:
    found = judge(single=None, pooled=None, confirmed=True, tries=[None], own=0, on="SPY")
    assert "one class only" in found.sentence
    assert found.p_value is None
    live = judge(single=None, pooled=None, confirmed=False, tries=[None], own=0, on="SPY")
    assert "Not judged yet" in live.sentence


@given(pooled=P, others=st.lists(st.one_of(st.none(), P), max_size=30))
def test_it_never_says_more_after_more_tries(pooled: float, others: list[float | None]) -> None:
    rank = list(Label)
    alone, among = verdict(pooled, [pooled]), verdict(pooled, [pooled, *others])
    assert rank.index(among.label) <= rank.index(alone.label)
    assert among.adjusted_p_value is not None and among.adjusted_p_value >= pooled - 1e-12


@pytest.mark.parametrize(
    ("p", "words"), [(0.6, "more than half of all runs"), (0.2, "1 of 5 runs"), (0.0002, "1 of 5,000")]
)
def test_it_puts_odds_in_words(p: float, words: str) -> None:
    assert words in verdict(None, [None], single=p, confirmed=False).sentence
