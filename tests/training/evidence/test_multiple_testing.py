"""Holm over a ledger's distinct p-values is Holm over all its tries."""

import numpy as np
import pytest

from tests.market import candle, make_series
from training.evidence.multiple_testing import Standing, standings
from training.models import Try
from training.quant.candle.spec import parse_time
from training.quant.candle.verdict import LEVEL
from training.quant.stats.significance import holm

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def ledger(seed: int) -> list[float | None]:
    """Tries with ties, some tiny, some unconfirmed."""
    rng = np.random.default_rng(seed)
    p_values = np.round(rng.uniform(0, 1, 40) ** rng.integers(1, 9), 4) + 1e-5
    return [None if rng.uniform() < 0.2 else float(min(p, 1.0)) for p in p_values]


@pytest.mark.parametrize("seed", range(30))
def test_it_adjusts_as_holm_over_every_try(seed: int) -> None:
    tries = ledger(seed)
    found = Standing.of((p, 1) for p in tries)
    for own, p in enumerate(tries):
        if p is not None:
            assert found.adjust(p) == holm(tries, own)
            assert (p < found.limit) == (holm(tries, own) < LEVEL)


def test_it_calls_everything_evidence_when_all_tries_are() -> None:
    found = Standing.of([(0.001, 3)])
    assert found.adjust(0.001) == 0.003 and found.limit == LEVEL


def test_it_reads_the_ledgers_of_many_series_in_one_query(django_assert_num_queries: object) -> None:
    spy, ibm = make_series("SPY", bars=5), make_series("IBM", bars=5)
    at = parse_time(candle(1))
    Try.objects.bulk_create(
        Try(series=series, params_hash=f"{i}", candle_at=at, run_id="r", p_value=p, made_at=at)
        for series, p_values in ((spy, (0.001, 0.001, 0.3, None)), (ibm, (None,)))
        for i, p in enumerate(p_values)
    )
    with django_assert_num_queries(1):  # type: ignore[operator]
        found = standings(Try.objects.all(), "series_id")
    assert found[spy.pk] == Standing.of([(0.001, 2), (0.3, 1), (None, 1)])
    assert found[spy.pk].adjust(0.001) == pytest.approx(0.004)
    assert found[ibm.pk].tries == 1 and found[ibm.pk].limit == LEVEL
    limits = standings(Try.objects.all(), "series_id", limits_only=True)
    assert limits[spy.pk].limit == found[spy.pk].limit == LEVEL / 2
    assert limits[spy.pk].p_values == (0.001,)
