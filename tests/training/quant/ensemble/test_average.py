"""Several models' answers made into one, and what makes two ensembles the same."""

import numpy as np
import pytest

from training.quant.candle.spec import CandleSpec
from training.quant.ensemble.average import average, average_threshold
from training.quant.ensemble.spec import EnsembleSpec, Member, ensemble_of, series_spec

RNG = np.random.default_rng(7)
SCORES = [RNG.random(40), RNG.random(40) * 0.2 + 0.4]
REFERENCES = [RNG.random(300), RNG.random(500) * 0.2 + 0.4]


def member(name: str, candle: str = "2020-01-02T00:00:00Z", **settings: object) -> Member:
    spec = CandleSpec(candle=candle, symbol="SPY", **settings)  # type: ignore[arg-type]
    return Member(name, spec, spec.params_hash(), name, name, candle)


def test_of_one_model_the_mean_is_its_probability_to_the_bit() -> None:
    assert (average("mean", SCORES[:1], REFERENCES[:1]) == SCORES[0]).all()


@pytest.mark.parametrize("how", ["mean", "rank"])
def test_it_lies_between_what_the_models_say_and_is_undefined_where_one_is(how: str) -> None:
    each = [average(how, [score], [reference]) for score, reference in zip(SCORES, REFERENCES, strict=True)]
    both = average(how, SCORES, REFERENCES)
    assert (np.min(each, axis=0) <= both).all() and (both <= np.max(each, axis=0)).all()
    gap = SCORES[1].copy()
    gap[3] = np.nan
    assert np.isnan(average(how, [SCORES[0], gap], REFERENCES)).tolist() == [place == 3 for place in range(40)]


def test_ranks_do_not_depend_on_the_scale_of_a_model() -> None:
    stretched = average("rank", [SCORES[0], SCORES[1] ** 5], [REFERENCES[0], REFERENCES[1] ** 5])
    np.testing.assert_array_equal(stretched, average("rank", SCORES, REFERENCES))
    assert average_threshold("rank", [0.0, 1.0], REFERENCES) == 0.5
    assert average_threshold("mean", [0.4, 0.5], REFERENCES) == pytest.approx(0.45)


def test_it_is_the_same_in_any_order_and_comes_back_from_what_was_stored() -> None:
    members = [member("a"), member("b", num_leaves=15), member("c", "2021-01-04T00:00:00Z", test_window_size=20)]
    spec, other = ensemble_of(members, "mean"), ensemble_of(members[::-1], "mean")
    assert spec == other and spec.params_hash() == other.params_hash()
    assert series_spec(spec.as_dict()) == spec
    assert (spec.candle, spec.test_window_size) == ("2021-01-04T00:00:00Z", 20)
    assert ensemble_of(members, "rank").params_hash() != spec.params_hash()
    assert isinstance(spec, EnsembleSpec) and spec.data_hash() == other.data_hash()
