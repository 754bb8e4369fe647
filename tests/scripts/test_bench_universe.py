"""What `scripts/bench universe` holds the product against does the same work, and it measures whole processes."""

import resource
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from instruments.imports.services import file_import
from instruments.quant.features.daily import daily_features, get_feature_columns
from scripts.benchmarks.measured import ProcessFailed, run_measured
from scripts.benchmarks.universe_files import write_universe
from scripts.benchmarks.universe_markets import universe
from scripts.benchmarks.universe_pandas import features_by_pandas

SAME = {
    "return_20": "return_20",
    "volatility_60": "volatility_60",
    "ma_20": "ma_distance_20",
    "cross_50_200": "ma_cross_50_200",
    "rsi": "rsi_14",
    "histogram": "macd_histogram",
    "atr": "atr_14",
    "width": "bollinger_width",
    "zscore": "volume_zscore_20",
    "place_20": "range_position_20",
}  # of pandas -> ours


def test_the_features_by_pandas_are_ours() -> None:
    members = list(universe(3, 600, seed=1).members.values())
    columns = ("high", "low", "close", "volume")
    frame = pd.concat([pd.DataFrame({name: getattr(one, name) for name in columns}) for one in members])
    theirs = features_by_pandas(frame.assign(who=np.repeat([0, 1, 2], 600)).reset_index(drop=True))
    ours = np.concatenate(daily_features(members))
    late = np.tile(np.arange(600) >= 400, 3)  # where smoothed ones begin is a matter of taste, and forgotten by then
    for name, own in SAME.items():
        assert np.allclose(theirs[name][late], ours[late, get_feature_columns().index(own)], rtol=1e-6, atol=1e-9), name


@pytest.mark.django_db
def test_a_generated_file_is_stored_whole(tmp_path: Path) -> None:
    write_universe(tmp_path / "new" / "universe.csv", instruments=4, bars=60)
    report = file_import(path=tmp_path / "new" / "universe.csv")
    assert (report.read, report.inserted, report.rejected) == (240, 240, 0)


def test_a_process_is_measured_with_its_memory_and_a_failed_one_is_told_of(tmp_path: Path) -> None:
    held = run_measured([sys.executable, "-c", "print(len(b'x' * 300_000_000))"], {}, tmp_path / "log")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # a fork counts as large as its parent
    assert held.output.strip() == "300000000" and 0.27 < held.gib < max(0.6, own + 0.1) and held.seconds > 0
    with pytest.raises(ProcessFailed, match="ended with 3:\nno"):
        run_measured([sys.executable, "-c", "print('no'); raise SystemExit(3)"], {}, tmp_path / "log")
