"""The table of error rates in the docs is what the bench wrote, figure by figure."""

from scripts.benchmarks.honest_costs import money_figures, money_rows, share_rows
from scripts.benchmarks.honesty import page_parts, parts, read_docs, table


def test_the_docs_have_the_benchs_own_table() -> None:
    _, written, _ = page_parts()
    assert written == table()
    assert set(read_docs()) <= {check.name for check in parts()}


def test_figures_of_money_are_those_of_a_slow_account() -> None:
    (row,) = money_rows([money_figures(1)])
    assert row.inside and not money_rows([0.0, 2e-9])[0].inside


def test_a_share_is_judged_by_its_median() -> None:
    (row,) = share_rows("candle", 0.15, [0.01, 0.02, 0.9])
    assert row.inside and row.measured == "2.0%, the median of 3 (to 90.0%)"
    assert not share_rows("candle", 0.15, [0.2])[0].inside


def test_parts_have_names_of_their_own_by_which_their_outcomes_are_stored() -> None:
    names = [check.name for check in parts()]
    assert len(names) == len(set(names))
