"""What stands beside the figures of universe runs and walks and never makes the verdict, as their pages show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.quant.stats.overfitting import FEWEST_CONFIGURATIONS, FEWEST_DAYS
from training.web.presenters.glossary import GLOSSARY, Note

NOTES = ("deflated_sharpe", "pbo", "shelf_life", "shuffled_copies", "equity_band")
FEATURES = 15  # shown


@dataclass(frozen=True)
class AgeLine:
    """`width` per cent of the widest bar; `is_above`: the interval lies above 0."""

    ages: str
    days: int
    rank_ic: str
    interval: str
    width: float
    is_above: bool


@dataclass(frozen=True)
class ShelfLife:
    """`of`: whose ages these are."""

    of: str
    lines: list[AgeLine]
    sentence: str


def information_notes() -> dict[str, Note]:
    """Of the glossary, those that these pages open."""
    return {name: GLOSSARY[name] for name in NOTES}


def shelf_life_panel(result: Mapping[str, Any], *, of: str) -> ShelfLife | None:
    """From `shelf_life` and `shelf_life_bins` of a run's JSON; None where there are no bins."""
    bins = result.get("shelf_life_bins") or []
    if not bins:
        return None
    widest = max((abs(each["rank_ic"]) for each in bins if each["rank_ic"] is not None), default=0.0) or 1.0
    lines = [
        AgeLine(
            ages=f"{each['first']}–{each['last']}",
            days=each["days"],
            rank_ic="–" if each["rank_ic"] is None else f"{each['rank_ic']:+.3f}",
            interval=_interval(each["rank_ic_interval"]),
            width=100 * max(0.0, each["rank_ic"] or 0.0) / widest,
            is_above=bool(each["rank_ic_interval"]) and each["rank_ic_interval"][0] > 0,
        )
        for each in bins
    ]
    return ShelfLife(of, lines, _shelf_life_sentence(result["shelf_life"], bins))


def overfitting_lines(summary: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Of a completed walk: the glossary's note, name, figure, and what it says or why there is none."""
    deflated, trial = summary["pooled"].get("deflated_sharpe"), (summary["verdict"] or {}).get("trial")
    best = "the best of its ledger's trials reaches" if trial is None else f"the best of {trial} trials reaches"
    above = "0" if trial == 1 else f"what {best} without skill"
    return [
        (
            "deflated_sharpe",
            "Deflated Sharpe",
            "–" if deflated is None else f"{100 * deflated:.1f} %",
            "It was not computed, or the portfolio never moved."
            if deflated is None
            else f"Probability that the true Sharpe ratio is above {above}.",
        ),
        (
            "pbo",
            "PBO",
            *_overfitting(summary["pbo"], summary["pbo_configurations"], days=summary["curve"]["days"]),
        ),
    ]


def stability_panel(stability: Mapping[str, Any] | None, *, is_gain: bool) -> dict[str, Any] | None:
    """Of a walk's `importance_stability`: a line for each of the steadiest features, and what they say together."""
    if stability is None:
        return None
    features, folds = stability["features"], stability["folds"]
    rows = features[:FEATURES]
    largest = max((abs(row["mean"]) for row in rows), default=0.0) or 1.0
    stronger = sum(row["is_kept"] for row in features)
    verb = "has" if stronger == 1 else "have"
    return {
        "of": len(features),
        "folds": folds,
        "is_gain": is_gain,
        "agreement": _correlation(stability["agreement"]),
        "shadow_agreement": _correlation(stability["shadow_agreement"]),
        "sentence": f"{stronger} of {len(features)} features {verb} more {'gain' if is_gain else 'weight'} than every "
        f"shuffled copy in all {folds} folds{'' if is_gain else ', always with the same sign'}.",
        "rows": [
            {
                **row,
                "width": 100 * abs(row["mean"]) / largest,
                "ratio": abs(row["mean"]) / stability["largest_shadow"] if stability["largest_shadow"] else None,
                "sign": "" if is_gain else "+" if row["mean"] > 0 else "−",
            }
            for row in rows
        ],
    }


def band_text(band: Mapping[str, Any] | None) -> str:
    """What the band around the equity is, for below the chart; empty where there is none."""
    if band is None:
        return ""
    return (
        f"{100 * band['share']:.0f} % band of {band['draws']:,} resampled histories (mean block {band['mean_block']} "
        f"days), {band['low'][-1]:.2f} to {band['high'][-1]:.2f} at the end"
    )


def _overfitting(pbo: float | None, configurations: int | None, days: list[str]) -> tuple[str, str]:
    if pbo is not None:
        among = f"the {configurations} configurations walked over these days"
        return f"{100 * pbo:.0f} %", (
            f"Of {among}, the one with the best Sharpe ratio on half of the days was below the median on the other "
            f"half in {100 * pbo:.0f} % of 12,870 ways to halve them. 50 % is choosing blindly."
        )
    if configurations is None:
        return "–", "Walks of before this release have none."
    if configurations < FEWEST_CONFIGURATIONS:
        return "–", (
            f"It needs {FEWEST_CONFIGURATIONS} configurations walked over these days on instruments of this ledger; "
            f"{'this is the only one' if configurations == 1 else f'there are {configurations}'}."
        )
    return "–", f"It needs {FEWEST_DAYS} days that all configurations share; this walk has {len(days)}."


def _shelf_life_sentence(reached: int | str | None, bins: list[dict[str, Any]]) -> str:
    first = f"{bins[0]['first']} to {bins[0]['last']} trading days"
    if reached is None:
        return "Shelf life: not measured. There are too few days for an interval."
    if isinstance(reached, str):
        return f"Shelf life: none shown. At the age of {first} the interval already reaches down to 0."
    beyond = ", the oldest it was tested at" if reached == bins[-1]["last"] else ""
    return f"Shelf life: {reached} trading days{beyond}. Up to there the interval of the rank IC stays above 0."


def _interval(interval: list[float] | None) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}" if interval else ""


def _correlation(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
