"""The meta-predictor's second learner: boosted trees from state and parameters to skill. PROTOCOL §7.6."""

import lightgbm
import numpy as np

from training.quant.search.meta import Floats, MetaDataset, medoid

ROUNDS = 60
PARAMS = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 8,
    "min_child_samples": 20,
    "seed": 42,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


def trees_trial(past: MetaDataset, state: Floats) -> int:
    """Row of the trial whose parameters promise the most skill at `state` (s,); of equal ones, which trees give in
    plenty, the one nearest to the others. NaN in states is a value of its own. Deterministic.

    Skill is standardised within each study: how easy a market is doesn't say which parameters suit it.
    """
    own = np.hstack([past.state[past.study], past.params])
    booster = lightgbm.train(PARAMS, lightgbm.Dataset(own, _standardised(past)), ROUNDS)
    asked = np.hstack([np.broadcast_to(state, (len(past.params), len(state))), past.params])
    promise = np.asarray(booster.predict(asked))
    return medoid(past, np.flatnonzero(promise >= promise.max()))


def _standardised(past: MetaDataset) -> Floats:
    """(n,) skill less its study's mean, in deviations of that study; 0 where all its trials are alike."""
    counts = np.bincount(past.study)
    centred = past.skill - (np.bincount(past.study, past.skill) / counts)[past.study]
    deviation = np.sqrt(np.bincount(past.study, centred**2) / counts)[past.study]
    return centred / np.where(deviation > 0, deviation, np.inf)
