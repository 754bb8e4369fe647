"""What makes the zip of a universe model run outside the project: a program, the code of its features, a README."""

from pathlib import Path
from typing import Any

from boursomatic.shared.source_code import program_code
from instruments.quant.features.daily import CORE_WINDOW, LOOK_BACK
from training.artifacts.loading import stored_universe_model
from training.models import ModelVersion
from training.quant.universe.spec import HONEST, PHASE22, UniverseSpec

PROGRAM = "predict.py"
SNIPPET = """\
import sys

sys.path.insert(0, "{run_id}")  # the unpacked zip
from predict import predict, read_bars

for row in predict("{run_id}", read_bars("bars.csv")):
    print(row["symbol"], row["signal"], row["p_buy"], row["expected_return"])
"""

README = """\
# {version}

A model of the universe {universe}, trained on {instruments} instruments with daily bars to {as_of}; the last outcome
that it has seen is of {used_until}. {signals}

What may be claimed of it: {verdict}

## Running it

With Python 3.11 or later and nothing else of Boursomatic; it was made with the versions that the first line installs:

    pip install numpy=={numpy} lightgbm=={lightgbm}
    python predict.py bars.csv

`bars.csv` has a line for each instrument and day, with these columns:

    symbol,date,open,high,low,close,volume,adj_close

Dates are written 2024-01-31. Prices are as they were traded; `adj_close` is the close adjusted for splits and
dividends, or the close again where you have no other. Give all instruments of the universe: some features are ranks
among them. Each needs {least} bars; with the last {look_back} the answer is the platform's own, to the last digit that
the machine's floating point allows.

It prints a line for each instrument, the best first, for the close of its newest bar. An instrument
with too few bars, or with none on the last five sessions, is left out.

## Files

{texts}
- `manifest.json`: what they were made of, the order of their features, and the SHA-256 of the other files.
- `metrics.json`, `feature_importance.csv`: how the tested model did.
- `predict.py`, `instruments/`, `predictions/`, `training/`: the program, and Boursomatic's own code that it calls.
- `classifier.joblib`, `regressor.joblib`: the same models as Python objects. Open such files only from people you
  trust: they can run programs.
"""

SIGNALS = {
    HONEST: """\
It ranks the instruments of a day by what they may earn over the next {horizon}
trading days: BUY are the highest fifth, SELL the lowest, HOLD the others. Beside that stand the chances of a return of
{sell:.1f} % or less, of {buy:.1f} % or more, and between, and how high a return it expects.""",
    PHASE22: """\
For the next {horizon} trading days it says of each instrument SELL (a return of
{sell:.1f} % or less), HOLD, or BUY ({buy:.1f} % or more), and how high a return it expects.""",
}
TEXTS = {
    HONEST: "- `weights.json`: each feature's weight; `trees.txt`, where there are trees: in LightGBM's text format.",
    PHASE22: "- `classifier.txt`, `regressor.txt`: both models in LightGBM's text format.",
}


def program_files(version: ModelVersion, verdict: str) -> dict[str, bytes]:
    """Name -> content of what goes into the zip beside the run's own files. Raises RunRefused("integrity")."""
    program = Path(__file__).with_name(PROGRAM)
    return {PROGRAM: program.read_bytes(), **program_code(program), "README.md": _readme(version, verdict).encode()}


def _readme(version: ModelVersion, verdict: str) -> str:
    model, run = stored_universe_model(version.version), version.run
    libraries: dict[str, Any] = run.detail["made_with"]["library_versions"]
    recipe = UniverseSpec.from_dict(run.config).recipe
    bounds = {"horizon": model.horizon, "buy": 100 * model.buy_threshold, "sell": 100 * model.sell_threshold}
    return README.format(
        version=version.version,
        universe=version.universe,
        instruments=len(model.symbols),
        as_of=run.result["as_of"],
        used_until=model.used_until,
        signals=SIGNALS[recipe].format(**bounds),
        texts=TEXTS[recipe],
        verdict=verdict,
        numpy=libraries["numpy"],
        lightgbm=libraries["lightgbm"],
        least=CORE_WINDOW + 1,
        look_back=LOOK_BACK,
    )
