"""The gate that a model passes before it may be active: what is checked, what was found, what is needed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from boursomatic.shared.stores import StoreFailed
from instruments.models import PriceBar, Universe
from instruments.universes import ALL
from training.artifacts.storage import artifact_storage, sha256
from training.evidence.candle import CandleVerdict, candle_verdicts
from training.evidence.findings import findings_of
from training.evidence.universe import universe_confirmations, universe_verdicts
from training.models import ModelVersion, Status, TrainingRun
from training.quant.candle.spec import parse_time
from training.quant.candle.verdict import LEAST_WINDOWS, Label
from training.quant.stats.sharpe import excess_of, excess_returns
from training.quant.universe.spec import HONEST
from training.quant.universe.verdict import UniverseVerdict

LOGISTIC = "not beaten by logistic regression"  # as it is stored and answered
CONFIRMED = f"a walk-forward of at least {LEAST_WINDOWS} folds"
FINDINGS = "open findings about its bars"
INTACT = "files intact"  # the one check that nobody overrides
NOT_COMPARED = "not compared"  # the recipe honest is linear itself
WORST_DRAWDOWN = -0.25
OLDEST_SESSIONS = 5

Check = dict[str, Any]


def gate_checks(model: ModelVersion) -> list[Check]:
    """Every check of CONTRACT's gate, passed or not; a figure that isn't defined does not pass."""
    return [
        *figure_checks([model], candle_verdicts([model.run]), universe_verdicts([model.run]))[model.pk],
        *data_checks(model),
    ]


def data_checks(model: ModelVersion) -> list[Check]:
    """Those checks that look at bars and files as they are now: too slow for a list of models."""
    sessions, broken, bad = _sessions_since(model), broken_files(model), findings_of(model.run).bad
    return [
        _check(FINDINGS, bad == 0, bad, "none that is bad"),
        _check("sessions since its data", sessions <= OLDEST_SESSIONS, sessions, f"at most {OLDEST_SESSIONS}"),
        _check(INTACT, not broken, ", ".join(broken) or "all", "all as they were written"),
    ]


def figure_checks(
    models: Sequence[ModelVersion], verdicts: dict[int, CandleVerdict], of_universes: dict[int, UniverseVerdict]
) -> dict[int, list[Check]]:
    """Those checks, by the model's key, that the runs' own rows decide, given the verdicts of both kinds.
    Two queries, however many models."""
    candles = [model.run_id for model in models if not model.universe]
    stored = TrainingRun.objects.filter(pk__in=candles).values_list("pk", "detail__performance")
    earned: dict[int, Any] = dict(stored) if candles else {}
    universes = [model.run for model in models if model.universe]
    walks = universe_confirmations(universes) if universes else {}
    return {
        model.pk: _figure_checks(
            _universe(model.run, walks.get(model.run_id), of_universes.get(model.run_id))
            if model.universe
            else _candle(model.run, verdicts[model.run_id], earned[model.run_id])
        )
        for model in models
    }


def survivors_only(model: ModelVersion) -> bool:
    """Whether nobody ever left the model's universe; of runs of before there were dates nobody could."""
    return bool(model.universe) and bool(model.run.result.get("survivors_only", True))


def refusals(gate: Sequence[Check]) -> list[str]:
    """Names of the checks that did not pass."""
    return [check["check"] for check in gate if not check["passed"]]


def check_label(check: str) -> str:
    """A check's stored name as people read it."""
    return "AUC at least that of logistic regression" if check == LOGISTIC else check


def not_intact(model: ModelVersion, gate: Sequence[Check]) -> str:
    """Why nobody may activate `model`, whatever override says, and what to do; "" where its files are intact."""
    broken = [check["value"] for check in gate if check["check"] == INTACT and not check["passed"]]
    return (
        f"{model.version} can't be activated, with override neither: {broken[0]} changed or missing. "
        "Restore the files from a backup, or train the model again."
        if broken
        else ""
    )


def broken_files(model: ModelVersion) -> list[str]:
    """Names of the model's files that are missing or aren't what was written. Raises StoreFailed."""
    storage, broken = artifact_storage(), []
    for name, mark in sorted(model.files.items()):
        try:
            with storage.open(f"{model.folder}/{name}") as file:
                if sha256(file.read()) != mark:
                    broken.append(name)
        except StoreFailed:
            raise
        except OSError:
            broken.append(name)
    return broken


def _figure_checks(measured: tuple[Any, ...]) -> list[Check]:
    label, is_confirmed, precision, base, excess, own, linear, is_beaten, drawdown = measured
    checks = [_check("verdict", label == Label.EVIDENCE, label, "evidence")]
    if is_confirmed is not None:
        checks.append(_check("confirmed", is_confirmed, "yes" if is_confirmed else "not confirmed", CONFIRMED))
    return [
        *checks,
        _check("precision of BUY", _above(precision, base), precision, f"above the base rate, {_text(base)}"),
        _check("market-neutral Sharpe ratio after costs", _above(excess, 0.0), excess, "above 0"),
        *_logistic_checks(is_beaten, own, linear),
        _check("maximum drawdown", _above(drawdown, WORST_DRAWDOWN), drawdown, f"above {WORST_DRAWDOWN:g}"),
    ]


def _logistic_checks(is_beaten: bool | str | None, own: float | None, linear: float | None) -> list[Check]:
    if is_beaten == NOT_COMPARED:
        return []
    return [_check(LOGISTIC, is_beaten is False, own, f"at least {_text(linear)}")]


def _universe(run: TrainingRun, walk: TrainingRun | None, verdict: UniverseVerdict | None) -> tuple[Any, ...]:
    """Figures of the walk that confirms it; of the test days while there is none."""
    result = run.result
    test, auc = result["metrics"]["test"], result["auc_buy"]
    if walk is not None and walk.status == Status.COMPLETED:
        test = walk.result["pooled"]
    own, linear, is_honest = auc["model"], auc["logistic"], run.config.get("recipe") == HONEST
    return (
        verdict.label if verdict else None,
        verdict is not None and verdict.confirmed,
        test["precision_buy"],
        test["base_rate_buy"],
        test["excess_sharpe"],
        own,
        linear,
        NOT_COMPARED if is_honest else None if own is None or linear is None else linear > own,
        test["max_drawdown"],
    )


def _candle(run: TrainingRun, candle_verdict: CandleVerdict, earned: dict[str, Any] | None) -> tuple[Any, ...]:
    test = run.result.get("test_metrics") or {}
    confirmed = candle_verdict.confirmation.result if candle_verdict.confirmation else {}
    own_auc = (confirmed.get("evidence") or {}).get("auc")
    is_beaten = None if own_auc is None else bool(confirmed.get("logistic_is_better"))
    excess = drawdown = None
    if earned:
        strategy, holding = earned["strategy"], earned["buy_and_hold"]
        own = excess_returns(np.array(strategy["returns"]), np.array(holding["returns"]), strategy["exposure"])
        excess, drawdown = excess_of(own, bars_a_year=earned["bars_a_year"]).sharpe, strategy["max_drawdown"]
    return (
        candle_verdict.verdict.label if candle_verdict.verdict else None,
        None,  # evidence takes a confirmation
        test.get("precision"),
        test.get("base_rate"),
        excess,
        own_auc,
        (confirmed.get("logistic") or {}).get("auc") if is_beaten else None,
        is_beaten,
        drawdown,
    )


def _sessions_since(model: ModelVersion) -> int:
    """Bars that have come after the last one that the run looked at."""
    run = model.run
    if not model.universe:
        rows = run.detail.get("test_rows") or []
        last = parse_time(rows[-1]["target"]) if rows else run.candle_at
        return PriceBar.objects.filter(series=model.series, timestamp__gt=last).count()
    bars = PriceBar.objects.filter(series__timeframe="1d", series__instrument__active=True)
    if model.universe != ALL:
        members = Universe.objects.filter(name=model.universe).values("instruments")
        bars = bars.filter(series__instrument__in=members)
    later = bars.filter(timestamp__gte=parse_time(f"{run.result['as_of']}T23:59:59Z"))
    return later.values("timestamp").distinct().count()


def _above(value: float | None, bound: float | None) -> bool:
    return value is not None and bound is not None and value > bound


def _check(check: str, passed: bool, value: Any, needed: str) -> Check:
    return {"check": check, "passed": passed, "value": value, "needed": needed}


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
