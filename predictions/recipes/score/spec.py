"""What scoring is asked for: nothing but that it be done."""

from collections.abc import Mapping
from typing import Any

from instruments.universes import ALL
from predictions.recipes.spec import UniverseJobSpec
from training.quant.candle.spec import SpecError


def parse_score_request(data: Any) -> UniverseJobSpec:
    """The body of POST /api/recommendations/score: empty. Raises SpecError."""
    if not isinstance(data, Mapping):
        raise SpecError({"detail": ["The body must be a JSON object."]})
    if data:
        raise SpecError({str(name)[:60]: ["Unknown field. Known: none."] for name in data})
    return UniverseJobSpec("score", ALL)
