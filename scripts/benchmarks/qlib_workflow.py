"""Qlib's workflow of its example `workflow_config_lightgbm_Alpha158`, carried out by Qlib's own Python on bars dumped
for it: Alpha158, LGBModel, signal and portfolio analysis, all at the example's values but for the dates, which
are 70/15/15 of the days there are. `scripts/bench universe --qlib` runs it; nothing of the project is imported.

    PYTHON qlib_workflow.py dump FILE FOLDER    the file's bars in Qlib's own format
    PYTHON qlib_workflow.py run FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FIELDS = ("open", "high", "low", "close", "volume", "vwap", "factor")
BENCHMARK = "BENCH"


def dump(file: Path, folder: Path) -> None:
    """Calendar, instruments, and a file a field: its first value the place of its first day, all in float32. Qlib wants
    an index to hold portfolios against: the mean of all closes, which is no member of the universe."""
    frame = pd.read_csv(file, parse_dates=["date"]).rename(columns={"Name": "symbol"})
    frame["vwap"], frame["factor"] = frame[["high", "low", "close"]].mean(axis=1), 1.0
    days = np.sort(frame["date"].unique())
    index = frame.groupby("date")[list(FIELDS)].mean().reset_index()
    members = {str(symbol): own.sort_values("date") for symbol, own in frame.groupby("symbol")}
    for name in ("calendars", "instruments"):
        (folder / name).mkdir(parents=True)
    (folder / "calendars" / "day.txt").write_text("\n".join(str(day)[:10] for day in days) + "\n")
    lines = [f"{s}\t{own['date'].iloc[0]:%Y-%m-%d}\t{own['date'].iloc[-1]:%Y-%m-%d}\n" for s, own in members.items()]
    (folder / "instruments" / "members.txt").write_text("".join(lines))
    (folder / "instruments" / "all.txt").write_text(
        "".join(lines) + f"{BENCHMARK}\t{days[0]!s:.10}\t{days[-1]!s:.10}\n"
    )
    for symbol, own in {**members, BENCHMARK: index}.items():
        place = folder / "features" / symbol.lower()
        place.mkdir(parents=True)
        first, last = np.searchsorted(days, own["date"].to_numpy()[[0, -1]])
        whole = own.set_index("date").reindex(days[first : last + 1])
        for field in FIELDS:
            np.append(first, whole[field].to_numpy()).astype("<f4").tofile(place / f"{field}.day.bin")


def run(folder: Path) -> None:
    import qlib  # noqa: PLC0415 - `dump` does without
    from qlib.utils import init_instance_by_config  # noqa: PLC0415
    from qlib.workflow import R  # noqa: PLC0415
    from qlib.workflow.record_temp import PortAnaRecord, SigAnaRecord, SignalRecord  # noqa: PLC0415

    manager = {
        "class": "MLflowExpManager",
        "module_path": "qlib.workflow.expm",
        "kwargs": {"uri": f"file:{folder / 'mlruns'}", "default_exp_name": "bench"},
    }
    qlib.init(provider_uri=str(folder), region="cn", exp_manager=manager)
    days = (folder / "calendars" / "day.txt").read_text().split()
    first_days = [days[len(days) * share // 100] for share in (70, 85)]
    model, dataset = (init_instance_by_config(one) for one in (MODEL, _dataset(days, first_days)))
    with R.start(experiment_name="bench"):
        model.fit(dataset)
        R.save_objects(**{"params.pkl": model})
        recorder = R.get_recorder()
        SignalRecord(model, dataset, recorder).generate()
        SigAnaRecord(recorder, ana_long_short=False, ann_scaler=252).generate()
        PortAnaRecord(recorder, _portfolio(model, dataset, first_days[1], days[-2]), "day").generate()


MODEL = {
    "class": "LGBModel",
    "module_path": "qlib.contrib.model.gbdt",
    "kwargs": {
        "loss": "mse",
        "colsample_bytree": 0.8879,
        "learning_rate": 0.2,
        "subsample": 0.8789,
        "lambda_l1": 205.6999,
        "lambda_l2": 580.9768,
        "max_depth": 8,
        "num_leaves": 210,
        "num_threads": 20,
    },
}


def _dataset(days: list[str], first_days: list[str]) -> dict[str, Any]:
    before = [days[days.index(border) - 1] for border in first_days]
    handler = {
        "start_time": days[0],
        "end_time": days[-1],
        "fit_start_time": days[0],
        "fit_end_time": before[0],
        "instruments": "members",
    }
    segments = {"train": [days[0], before[0]], "valid": [first_days[0], before[1]], "test": [first_days[1], days[-1]]}
    alpha = {"class": "Alpha158", "module_path": "qlib.contrib.data.handler", "kwargs": handler}
    return {
        "class": "DatasetH",
        "module_path": "qlib.data.dataset",
        "kwargs": {"handler": alpha, "segments": segments},
    }


def _portfolio(model: Any, dataset: Any, first: str, last: str) -> dict[str, Any]:
    """`last`: the day before the calendar's last one, which closes the last trade."""
    strategy = {
        "class": "TopkDropoutStrategy",
        "module_path": "qlib.contrib.strategy",
        "kwargs": {"signal": (model, dataset), "topk": 50, "n_drop": 5},
    }
    exchange = {
        "limit_threshold": 0.095,
        "deal_price": "close",
        "open_cost": 0.0005,
        "close_cost": 0.0015,
        "min_cost": 5,
    }
    backtest = {
        "start_time": first,
        "end_time": last,
        "account": 100_000_000,
        "benchmark": BENCHMARK,
        "exchange_kwargs": exchange,
    }
    return {"strategy": strategy, "backtest": backtest}


if __name__ == "__main__":
    action, *paths = sys.argv[1:]
    if action == "dump":
        dump(*map(Path, paths))
    else:
        run(*map(Path, paths))
