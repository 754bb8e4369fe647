"""A chart of 10,000 candles with a loaded model: server time, bytes and first draw, beside the usual ways.

Bars:        our columns, a plain `values_list` as JSON, a DRF serializer over objects; each through to its bytes
Predictions: the bare `Booster.predict` on a scaled matrix that lies ready, our model on features, the same from bars,
             our columns for the chart, our rows for programs
First draw:  from the click on a link until candles, probabilities and counts stand in Chromium

The rounds interleave all of them, so that a change of the machine's speed meets all. Medians.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.site import Site, manage, running_site

SYMBOL, CANDLE = "BENCH", "2015-06-12"
NAMES = {
    "bars_columns": "bars: our columns",
    "bars_values_list": "bars: values_list",
    "bars_serializer": "bars: DRF serializer",
    "bare_predict": "predict: bare Booster.predict",
    "predict": "predict: our model on features",
    "predict_from_bars": "predict: from bars, with features",
    "prediction_columns": "predictions: our columns",
    "prediction_rows": "predictions: our rows",
}
Action = Callable[[], bytes]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench chart", description=__doc__)
    parser.add_argument("--bars", type=int, default=10_000, help="candles (default: 10,000)")
    parser.add_argument("--rounds", type=int, default=20, help="times each is measured (default: 20)")
    parser.add_argument(
        "--draws", type=int, default=5, help="times the page is opened in Chromium (default: 5; 0: not)"
    )
    parser.add_argument("--output", type=Path, default=Path("var/bench/chart.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "walk.csv"
        write_walk(data, rows=options.bars, seed=1)
        with running_site(data, SYMBOL) as site:
            trained = ("train_poc", "--symbol", SYMBOL, "--selected_candle_date", CANDLE, "--no-confirm", "--json")
            run_id = json.loads(manage(site.environment, *trained))["run_id"]
            times, sizes = _serving(site, run_id, options.rounds)
            draws = _draws(site, run_id, options.draws) if options.draws else []
    result = _report(times, sizes, draws, options.bars)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({**result, "seconds": times, "first_draw_seconds": draws}, indent=1))
    return 0


def _serving(site: Site, run_id: str, rounds: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    os.environ.update(site.environment)
    import django  # noqa: PLC0415 - settings are read from the environment of the site

    django.setup()
    actions = {**_through_django(site, run_id), **_usual_bars(), **_bare(run_id)}
    sizes = {name: len(actions[name]()) for name in NAMES}  # warm, too
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(rounds):
        for name in NAMES:
            start = time.perf_counter()
            actions[name]()
            times[name].append(time.perf_counter() - start)
    return times, sizes


def _through_django(site: Site, run_id: str) -> dict[str, Action]:
    """Our endpoints with all that stands before them: middleware, token, permission."""
    from django.test import Client  # noqa: PLC0415

    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Token {site.token}"})
    address = f"/api/poc-predictions/{run_id}"
    return {
        "bars_columns": lambda: client.get(f"/api/instruments/{SYMBOL}/bars?timeframe=1d&price=adjusted").content,
        "prediction_columns": lambda: client.get(f"{address}/columns").content,
        "prediction_rows": lambda: client.post(address).content,
    }


def _usual_bars() -> dict[str, Action]:
    from django.core.serializers.json import DjangoJSONEncoder  # noqa: PLC0415
    from rest_framework import serializers  # noqa: PLC0415
    from rest_framework.renderers import JSONRenderer  # noqa: PLC0415

    from instruments.models import PriceBar  # noqa: PLC0415
    from instruments.store.read_bars import series_get  # noqa: PLC0415

    columns = ["timestamp", "open", "high", "low", "close", "volume", "adj_close"]

    class BarSerializer(serializers.ModelSerializer[PriceBar]):
        class Meta:
            model = PriceBar
            fields = columns

    def bars() -> Any:
        return PriceBar.objects.filter(series=series_get(SYMBOL, "1d")).order_by("timestamp")

    return {
        "bars_values_list": lambda: json.dumps(list(bars().values_list(*columns)), cls=DjangoJSONEncoder).encode(),
        "bars_serializer": lambda: JSONRenderer().render(BarSerializer(bars(), many=True).data),
    }


def _bare(run_id: str) -> dict[str, Action]:
    import numpy as np  # noqa: PLC0415

    from instruments.quant.features.candle import feature_matrix  # noqa: PLC0415
    from instruments.store.read_bars import load_bars, series_get  # noqa: PLC0415
    from predictions.quant.predict import predict_candles  # noqa: PLC0415
    from training.artifacts.loading import stored_model  # noqa: PLC0415
    from training.artifacts.storage import artifact_storage  # noqa: PLC0415
    from training.models import TrainingRun  # noqa: PLC0415
    from training.quant.candle.model import MODEL, CandleModel, read_booster  # noqa: PLC0415

    model, run = stored_model(run_id), TrainingRun.objects.select_related("model_version").get(run_id=run_id)
    assert isinstance(model, CandleModel)
    with artifact_storage().open(f"{run.model_version.folder}/{MODEL}") as file:
        booster = read_booster(file.read())
    trees = run.detail["best_round"]
    bars = load_bars(series_get(SYMBOL, "1d")).adjusted()
    features = feature_matrix(bars, name=model.feature_set, timeframe="1d")
    scaled = (features - model.mean) / model.scale

    def from_bars() -> bytes:
        return predict_candles(model, bars, first=0, stop=len(bars)).probability.tobytes()

    return {
        "bare_predict": lambda: np.asarray(booster.predict(scaled, num_iteration=trees, num_threads=1)).tobytes(),
        "predict": lambda: model.probability(features).tobytes(),
        "predict_from_bars": from_bars,
    }


def _draws(site: Site, run_id: str, count: int) -> list[float]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if find_spec("playwright") is None or path is None:
        print("The first draw is not measured: it needs the test packages (requirements-dev.txt) and Chromium.")
        return []
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only here, and not everywhere

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=site.url)
        page.goto("/login/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(site.environment["BOURSOMATIC_ADMIN_PASSWORD"])
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Home").wait_for()
        for _ in range(count):
            page.goto("/runs/")
            start = time.perf_counter()
            page.goto(f"/backtest/?symbol={SYMBOL}&models={run_id}&range=all")
            page.locator('[data-part="counts"] tr').first.wait_for()
            page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
            took.append(time.perf_counter() - start)
        browser.close()
    return took


def _report(times: dict[str, list[float]], sizes: dict[str, int], draws: list[float], bars: int) -> dict[str, Any]:
    medians = {name: median(values) for name, values in times.items()}
    print(f"{bars:,} candles, medians of {len(times['predict'])} rounds")
    for name, label in NAMES.items():
        size = f"{sizes[name] / 1e6:6.2f} MB" if "predict:" not in label else ""
        print(f"  {label:<38} {1000 * medians[name]:8.1f} ms  {size}")
    ratios = {
        "serializer_to_columns": medians["bars_serializer"] / medians["bars_columns"],
        "values_list_to_columns": medians["bars_values_list"] / medians["bars_columns"],
        "predict_to_bare": medians["predict"] / medians["bare_predict"],
        "columns_to_bare": medians["prediction_columns"] / medians["bare_predict"],
    }
    print(f"  the serializer takes {ratios['serializer_to_columns']:.1f} times our columns (aim: at least 8)")
    print(f"  our model on features takes {ratios['predict_to_bare']:.2f} times the bare predict (aim: at most 1.5)")
    if draws:
        print(f"  first draw in Chromium: {median(draws):.2f} s")
    return {"bars": bars, "medians": medians, "bytes": sizes, "ratios": ratios}
