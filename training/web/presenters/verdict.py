"""What a run's page says of its worth: verdict, walk-forward confirmation, and the proofs that can be asked for."""

import math
import re
from dataclasses import dataclass
from typing import Any

from boursomatic.shared.ages import seconds_since
from training.evidence.candle import CandleVerdict
from training.evidence.trials import levels_spent
from training.models import ACTIVE, Status, TrainingRun
from training.quant.candle.spec import MODEL_NAMES, STEPS
from training.quant.candle.verdict import Label, Verdict, level_text, p_text, trials_text
from training.quant.ensemble.spec import decision_spec
from training.queue import hosts
from training.recipes.kinds import kind_about
from training.web.presenters.metrics_table import Figure, auc_figure

POLL_FIRST_MS = 150
POLLS_MS = ((3, 250), (15, 500), (120, 1000))  # up to so many seconds after the start, ask so often
POLL_SLOW_MS = 3000
HEIGHT = 100  # of a window's picture: AUC 1 at the top, 0 at the bottom
STRIP_WIDTH, STRIP_HEIGHT, DOT = 600, 64, 9
WINDOW = re.compile(r"window (\d+) of (\d+)")


@dataclass(frozen=True)
class Column:
    """A window of the walk-forward in the strip; `y`, `y_low`, `y_high` from the top of its picture."""

    decision: str
    rows: int
    figure: Figure
    is_own: bool
    seen: bool  # by the search that chose the settings: not pooled
    y: float | None
    y_low: float | None
    y_high: float | None


def poll_ms(run: TrainingRun) -> int:
    """When to ask next: soon at first, later seldom."""
    since = seconds_since(run.created_at)
    waited = next((ms for seconds, ms in POLLS_MS if since < seconds), POLL_SLOW_MS)
    return POLL_FIRST_MS if since < 1 else waited


def verdict_panel_context(run: TrainingRun, candle_verdict: CandleVerdict) -> dict[str, Any]:
    """For `_verdict.html`: no query beside those of `candle_verdict`, except where a worker is missing."""
    verdict, job = candle_verdict.verdict, candle_verdict.confirmation
    is_active = job is not None and job.status in ACTIVE
    spec = decision_spec(run.config)
    return {
        "verdict": verdict,
        "verdict_figure": auc_figure(verdict.auc, verdict.auc_interval) if verdict else None,
        "sentence_parts": _sentence_parts(verdict, run.config["symbol"]) if verdict else None,
        "p": p_text(verdict.p_value) if verdict and verdict.p_value is not None else None,
        "adjusted_p": (p_text(verdict.adjusted_p_value) if verdict and verdict.adjusted_p_value is not None else None),
        "level": level_text(verdict.level) if verdict and verdict.level is not None else None,
        "spent": levels_spent() if verdict and verdict.label == Label.EVIDENCE else None,
        "visible_auc": _up(verdict.smallest_visible_auc) if verdict and verdict.smallest_visible_auc else None,
        "job": job,
        "verdict_poll_ms": poll_ms(job) if job and is_active else None,
        "was_seen": _was_seen(run),
        "own_windows": spec.windows,
        "rows_needed": spec.rows_after,
        "no_worker": hosts.missing(job) if job and job.status == Status.QUEUED else None,
        **(_confirming(job) if job and is_active else {}),
        **(_confirmed(run, job) if job and job.status == Status.COMPLETED else {}),
    }


def _was_seen(run: TrainingRun) -> bool:
    """Whether the search that chose the settings has seen the outcomes of the run's own window."""
    return run.seen_until is not None and run.candle_at is not None and run.candle_at < run.seen_until


def proof_context(run: TrainingRun) -> dict[str, Any]:
    """For the run's `_proof.html`: the newest verification and noise control. Two queries."""
    verification, noise_control = (
        run.jobs.filter(kind=kind_about(verb, run.kind)).order_by("-id").first() for verb in ("verify", "control")
    )
    active = [job for job in (verification, noise_control) if job and job.status in ACTIVE]
    return {
        "verification": verification,
        "noise_control": noise_control,
        "proof_poll_ms": min(poll_ms(job) for job in active) if active else None,
        "rotated": rotated_strip(noise_control.result)
        if noise_control and noise_control.result.get("rotated")
        else None,
    }


def columns(windows: list[dict[str, Any]], own: str | None) -> list[Column]:
    """The windows of a confirmation, oldest first; `own`: the run's candle, from which on they are its own, None where
    other windows judge it."""
    drawn = []
    for window in windows:
        low, high = window["auc_interval"] or (None, None)
        drawn.append(
            Column(
                decision=window["decision"],
                rows=window["rows"],
                figure=auc_figure(window["auc"], window["auc_interval"], _one_class(window)),
                is_own=own is not None and window["decision"] >= own,
                seen=window.get("seen", False),
                y=_y(window["auc"]),
                y_low=_y(low),
                y_high=_y(high),
            )
        )
    return drawn


def rotated_strip(result: dict[str, Any]) -> dict[str, Any]:
    """The rotated AUCs as dots, piled up where they are alike, and the real one's place among them."""
    every = [*result["rotated"], result["real"]]
    low: float = min(*every, 0.4)
    high: float = max(*every, 0.6)
    across = (STRIP_WIDTH - 2 * DOT) / (high - low)

    def x(auc: float) -> float:
        return round(DOT + (auc - low) * across, 1)

    piles: dict[int, int] = {}
    dots = []
    for auc in sorted(result["rotated"]):
        pile = round(x(auc) / DOT)
        piles[pile] = piles.get(pile, 0) + 1
        dots.append({"x": x(auc), "y": STRIP_HEIGHT - DOT * (piles[pile] - 0.5), "auc": auc})
    height = max(STRIP_HEIGHT, DOT * max(piles.values()))
    lift = height - STRIP_HEIGHT
    return {
        "dots": [{**dot, "y": round(dot["y"] + lift, 1)} for dot in dots],
        "real": {"x": x(result["real"]), "auc": result["real"]},
        "luck_x": x(0.5),
        "low": low,
        "high": high,
        "width": STRIP_WIDTH,
        "height": height,
    }


def _sentence_parts(verdict: Verdict, symbol: str) -> tuple[str, str, str]:
    """The sentence, cut so that its count of trials can be a link to their page."""
    before, count, after = verdict.sentence.partition(trials_text(verdict.tries, symbol))
    return (before, count, after)


def _confirming(job: TrainingRun) -> dict[str, Any]:
    at = WINDOW.search(job.message)
    done, todo = (int(at[1]) - 1, int(at[2])) if at else (0, STEPS + 1)
    return {
        "confirming": f"window {done + 1} of {todo}" if at else "",
        "placeholders": [number < done for number in range(todo)],
    }


def _confirmed(run: TrainingRun, job: TrainingRun) -> dict[str, Any]:
    spec = decision_spec(run.config)
    was_seen = _was_seen(run)
    windows = columns(job.result["windows"], None if was_seen else spec.candle)
    pooled, logistic = job.result["evidence"], job.result["logistic"]
    has_own = bool(run.result["splits"]["test"]["rows"])
    most = STEPS + has_own * spec.windows
    missing, members = "", run.config.get("members", ())
    chosen_by = "figures of its members" if members else "search behind the settings"
    if was_seen and windows:
        missing = f"The {chosen_by} saw this run's own window, and the grey ones, which are not pooled."
    elif any(window.seen for window in windows):
        missing = f"Grey: decided before {run.seen_until:%Y-%m-%d}, seen by the {chosen_by}; not pooled."
    elif len(windows) < most:
        count = f"{len(windows)} of {most} windows" if windows else f"None of {most} windows"
        missing = f"{count}: the history before this candle is too short for more."
    return {
        "windows": windows,
        "windows_missing": missing,
        "has_own": has_own,
        "pooled": _column(pooled),
        "compared": [
            {
                "name": name,
                "note": note,
                "figure": auc_figure(evidence["auc"], evidence["auc_interval"]),
                "p": p_text(evidence["p_value"]),
                "rows": evidence["rows"],
                "is_recipe": note == "walk_forward",
            }
            for name, note, evidence in (
                (
                    f"This ensemble of {len(members)}" if members else f"This recipe ({MODEL_NAMES[spec.model]})",
                    "walk_forward",
                    pooled,
                ),
                ("Logistic regression, same rows", "logistic", logistic),
            )
            if evidence
        ],
        "logistic_is_better": bool(job.result.get("logistic_is_better")),
    }


def _column(evidence: dict[str, Any] | None) -> Column | None:
    if evidence is None:
        return None
    low, high = evidence["auc_interval"]
    figure = auc_figure(evidence["auc"], evidence["auc_interval"])
    return Column("", evidence["rows"], figure, False, False, _y(evidence["auc"]), _y(low), _y(high))


def _one_class(window: dict[str, Any]) -> str:
    if window["auc"] is not None:
        return ""
    return f"all {window['rows']} candles rose" if window["up"] else f"none of {window['rows']} candles rose"


def _y(auc: float | None) -> float | None:
    return None if auc is None else round(HEIGHT * (1 - auc), 1)


def _up(auc: float) -> float:
    """Rounded up: what a sample can tell must not be promised too early."""
    return math.ceil(auc * 100) / 100
