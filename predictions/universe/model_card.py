"""What a person should know of a universe's model before using it, on one page."""

from typing import Any

from instruments.quant.features.daily import FEATURE_SET, VERSION
from predictions.universe.export import SNIPPET
from training.evidence.trials import ledger_of_universe
from training.models import ModelVersion
from training.quant.candle.spec import COST_BP
from training.recipes.universe.page import universe_context
from training.runs.annotations import annotations_of

SURVIVORS = (
    "It was trained on the members that its universe had on that day. Who had left before is missing, which flatters "
    "every figure here; and nothing measured here holds for other instruments."
)
MEMBERS = (
    "It was trained on the members that its universe had on each day, as far as their dates are right and those who "
    "left have bars; nothing measured here holds for other instruments."
)
LIMITS = (
    "It speaks of the return over its whole horizon only, not of the way there.",
    "Some of its features are ranks among the members: with other members it says something else of each.",
    f"Its portfolios pay {COST_BP:g} basis points a side; taxes, limits, borrowing and one's own effect on prices are "
    "not counted.",
    "A probability is only as good as its calibration: the run's page shows how often such probabilities came true.",
)


def universe_card_context(version: ModelVersion) -> dict[str, Any]:
    """For the card of a universe's model; needs its run loaded."""
    run = version.run
    context = universe_context(run)
    return {
        **context,
        "version": version,
        "detail": run.detail,
        "feature_set": f"{FEATURE_SET}, version {VERSION}",
        "limits": (SURVIVORS if context["summary"]["survivors_only"] else MEMBERS, *LIMITS),
        "snippet": SNIPPET.format(run_id=run.run_id),
        "trials": ledger_of_universe(version.universe).count(),
        "annotations": annotations_of(run),
    }
