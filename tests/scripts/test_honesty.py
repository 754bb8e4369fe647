"""The table of error rates in the docs is what the bench wrote, figure by figure."""

from scripts.benchmarks.honesty import page_parts, parts, read_docs, table


def test_the_docs_have_the_benchs_own_table() -> None:
    _, written, _ = page_parts()
    assert written == table()
    assert set(read_docs()) <= {check.name for check in parts()}
