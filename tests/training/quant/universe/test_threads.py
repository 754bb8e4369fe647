"""Models are the same to the byte with any number of threads, and so is what they predict."""

import hashlib
import subprocess
import sys

import lightgbm
import numpy as np
import pytest

from tests.training.quant.universe.honest.worlds import H, panel
from training.quant.stats.threads import on_threads
from training.quant.universe.fit import TREES as TREES_OF_PHASE22
from training.quant.universe.fit import fit_pair, parameters, text_of
from training.quant.universe.honest.train import TREES, fit_honest, honest_rows, score_rows
from training.quant.universe.panel import COLUMNS, classes

pytestmark = pytest.mark.processes


def digest(threads: int) -> str:
    """Of both recipes' models and predictions."""
    whole, total = panel(names=40, bars=500), hashlib.sha256()
    with on_threads(threads):
        rows = np.flatnonzero(whole.has_outcome)
        labels = classes(whole.returns[rows], buy=0.05, sell=-0.02)
        pair = fit_pair(whole.features[rows], labels, whole.returns[rows], seed=42)
        honest = honest_rows(whole, H)
        fit = fit_honest(honest, until=len(whole.days) - 1, with_trees=True, seed=42)
        assert fit.trees is not None
        for text in (text_of(pair.classifier), text_of(pair.regressor), fit.trees.model_to_string()):
            total.update(text.encode())
        said = pair.predict(whole.features)
        for values in (said.probabilities, said.expected, *fit.weights.values(), honest.ranks):
            total.update(np.ascontiguousarray(values))
        total.update(score_rows(honest, np.flatnonzero(whole.day == 300), fit, TREES))
    return total.hexdigest()


def test_they_are_the_same_to_the_byte_with_one_thread_and_more() -> None:
    """In processes of their own: one that has used LightGBM's threads can't fork any more."""
    module, found = digest.__module__, set()
    for threads in (1, 2, 5):
        program = f"import {module} as t; print(t.digest({threads}))"
        found.add(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)
    assert len(found) == 1


def test_it_takes_back_how_many() -> None:
    from threadpoolctl import threadpool_info  # noqa: PLC0415 - beside what it tells of

    def counts() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"]

    before = counts()
    with on_threads(3):
        assert set(counts()) == {3}
    assert counts() == before


def test_the_text_of_trees_is_that_of_a_fit_which_names_one_thread() -> None:
    whole = panel(names=20, bars=300)
    rows = np.flatnonzero(whole.has_outcome)
    features, returns = whole.features[rows], whole.returns[rows]
    pair = fit_pair(features, classes(returns, buy=0.05, sell=-0.02), returns, seed=42)
    named = {**parameters(42), "num_threads": 1}
    columns = lightgbm.Dataset(features, label=returns, feature_name=list(COLUMNS), params=named)
    alone = lightgbm.train({**named, "objective": "regression"}, columns, TREES_OF_PHASE22)
    assert text_of(pair.regressor) == alone.model_to_string()
