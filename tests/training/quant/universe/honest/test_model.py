"""Read back from text it speaks to the last bit as it did; with any number of threads its trees are the same text."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.training.quant.universe.honest.worlds import H, panel
from training.quant.candle.model import MANIFEST, Integrity
from training.quant.universe.honest.advice import labels_by_fifths
from training.quant.universe.honest.model import FACTS, TREES_TEXT, WEIGHTS, HonestModel, read_honest_model
from training.quant.universe.honest.train import SCORES, HonestRows, fit_honest, honest_rows, score_rows
from training.quant.universe.panel import MODEL_FEATURES, Panel

K = len(MODEL_FEATURES)


@pytest.fixture(scope="module")
def whole() -> Panel:
    return panel()


@pytest.fixture(scope="module")
def rows(whole: Panel) -> HonestRows:
    return honest_rows(whole, H)


def model_of(rows: HonestRows, score: str) -> HonestModel:
    fit = fit_honest(rows, until=240, with_trees=True, seed=42)
    return HonestModel(score, fit.weights, fit.trees, fit.mean_return, ic=0.1 / 3)


def written(model: HonestModel) -> tuple[dict[str, bytes], dict[str, str]]:
    files = {**model.texts(), MANIFEST: json.dumps({FACTS: model.facts()}).encode()}
    return files, {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


@pytest.mark.parametrize("score", SCORES)
def test_it_speaks_from_text_as_it_was_judged(whole: Panel, rows: HonestRows, score: str) -> None:
    model = model_of(rows, score)
    served = read_honest_model(*written(model))
    today = np.flatnonzero(whole.day == 260)
    features = whole.features[today, :K]
    fit = fit_honest(rows, until=240, with_trees=True, seed=42)
    assert np.array_equal(served.scores(features), score_rows(rows, today, fit, score))
    order = whole.instrument[today]
    before, after = (
        some.advise(features, sigma=rows.sigma(today), order=order, buy=0.05, sell=-0.02) for some in (model, served)
    )
    for name, value in vars(before).items():
        assert np.array_equal(getattr(after, name), value), name
    assert np.array_equal(after.labels, labels_by_fifths(whole.day[today], after.scores, order))
    assert np.array_equal(served.contributions(features), model.contributions(features))
    assert (served.horizon, served.score, served.facts()) == (H, score, model.facts())


def test_its_reasons_add_up_to_what_the_horizons_agree_on(whole: Panel, rows: HonestRows) -> None:
    features = whole.features[whole.day == 260][:, :K]
    composite, trees = model_of(rows, "composite"), model_of(rows, "trees")
    assert np.corrcoef(composite.contributions(features).sum(axis=1), composite.scores(features))[0, 1] > 0.95
    assert trees.contributions(features).shape == features.shape


def test_it_refuses_what_was_changed(rows: HonestRows) -> None:
    files, expected = written(model_of(rows, "composite"))
    for name in (MANIFEST, WEIGHTS, TREES_TEXT):
        with pytest.raises(Integrity, match="has changed"):
            read_honest_model({**files, name: files[name] + b" "}, expected)
    other = json.loads(files[WEIGHTS]) | {"feature_names": ["close"]}
    changed = {**files, WEIGHTS: json.dumps(other).encode()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in changed.items()}
    with pytest.raises(Integrity, match="another release"):
        read_honest_model(changed, sums)


@pytest.mark.slow
def test_it_is_the_same_text_with_one_thread_and_two() -> None:
    """In processes of their own: one that has used LightGBM's threads can't fork any more."""
    program = (
        "from tests.training.quant.universe.honest import test_model as t;"
        "print(t.model_of(t.honest_rows(t.panel(), t.H), 'composite').texts())"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            check=True,
            capture_output=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert outputs[0] == outputs[1] and b"num_leaves=4" in outputs[0]
