"""The record of a universe's verification; what it stores is a VerificationResult."""

from typing import Annotated

from boursomatic.shared.records import about
from training.recipes.universe.about import UniverseAboutHead
from training.recipes.verification.schema import BarsChanged


class UniverseVerificationRun(UniverseAboutHead, tag="universe_verify"):
    """A universe run or a walk trained again from what is stored. `model_hash` is that of the model trained again; a
    walk keeps none."""

    identical: Annotated[bool | None, about("Splits, models and figures to the bit; null until it has completed")]
    differs: Annotated[
        list[str],
        about("What has changed: data, code_version, library_versions, params; what came out: splits, figures, models"),
    ]
    truncation_identical: Annotated[bool | None, about("Later bars change nothing in any model")]
    model_hash: str | None
    sentence: str | None
    bars_changed: BarsChanged | None
