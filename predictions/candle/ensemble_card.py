"""The card of an ensemble, and what makes its zip run outside the project: a program, the code it calls, a README."""

from pathlib import Path
from typing import Any

from boursomatic.shared.source_code import program_code
from predictions.candle.model_card import PREDICTED, series_card_context
from training.models import ModelVersion
from training.quant.ensemble.spec import HOW, EnsembleSpec, series_spec
from training.recipes.ensemble.page import member_lines

PROGRAM = Path(__file__).with_name("ensemble_program.py")
SNIPPET = """\
import sys

sys.path.insert(0, "{run_id}")  # the unpacked zip
from predict import predict, read_bars

for row in predict("{run_id}", read_bars("bars.csv"))[-5:]:
    print(row["date"], row["score"], row["signal"])
"""

README = """\
# {version}

An ensemble of {members} models of {symbol}, {timeframe} bars: the {how}. It says of each candle
whether the next one {predicted} ("up", from {threshold:.3f} on) or not.

What may be claimed of it: {verdict}

## Running it

With Python 3.11 or later and nothing else of Boursomatic; it was made with the versions that the first line installs:

    pip install numpy=={numpy} lightgbm=={lightgbm}
    python predict.py bars.csv

`bars.csv` has a line for each candle, with these columns:

    date,open,high,low,close,volume,adj_close

Dates are written 2024-01-31, or 2024-01-31T15:00:00 in UTC. Prices are as they were traded; `adj_close` is the close
adjusted for splits and dividends, or the close again where you have no other. The first candles are left out while
features look further back than the file does.

## Files

- `manifest.json`: the members, how they are combined, and the SHA-256 of the other files.
- `member_01_manifest.json`, `member_01_model.txt` and so on: each member's scaler, features and threshold, and its
  trees in LightGBM's text format; of logistic regression the manifest alone, which holds the weights.
- `member_01_reference.json` and so on, where percentile ranks are averaged: what the member said of the candles that it
  was trained on.
- `predict.py`, `instruments/`, `training/`: the program, and Boursomatic's own code that it calls.
"""


def is_ensemble(version: ModelVersion) -> bool:
    return version.series_id is not None and isinstance(series_spec(version.run.config), EnsembleSpec)


def ensemble_card_context(version: ModelVersion) -> dict[str, Any]:
    """For the card of an ensemble; needs its run and series loaded."""
    spec = EnsembleSpec.from_dict(version.run.config)
    return series_card_context(version) | {
        "model_name": f"ensemble of {len(spec.members)}, the {HOW[spec.how]}",
        "members": member_lines(spec),
        "snippet": SNIPPET.format(run_id=version.run.run_id),
    }


def ensemble_program_files(version: ModelVersion, verdict: str) -> dict[str, bytes]:
    """Name -> content of what goes into the zip beside the run's own files."""
    return {
        "predict.py": PROGRAM.read_bytes(),
        **program_code(PROGRAM),
        "README.md": _readme(version, verdict).encode(),
    }


def _readme(version: ModelVersion, verdict: str) -> str:
    spec, detail = EnsembleSpec.from_dict(version.run.config), version.run.detail
    libraries = detail["made_with"]["library_versions"]
    return README.format(
        version=version.version,
        members=len(spec.members),
        symbol=spec.symbol,
        timeframe=spec.timeframe,
        how=HOW[spec.how],
        predicted=PREDICTED[spec.decision],
        threshold=detail["best_threshold"],
        verdict=verdict,
        numpy=libraries["numpy"],
        lightgbm=libraries["lightgbm"],
    )
