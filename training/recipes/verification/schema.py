"""The records of a verification."""

from typing import Annotated

from boursomatic.shared.records import Stored, about
from training.recipes.candle.schema import AboutHead


class VerificationResult(Stored):
    """What a verification stores, nothing of it until it has completed. `model_hash` is that of the model trained
    again; without the data there is none."""

    identical: bool | None = None
    differs: list[str] = []
    truncation_identical: bool | None = None
    sentence: str | None = None
    model_hash: str | None = None


class VerificationRun(AboutHead, tag="verification"):
    """A candle run trained again from what is stored; `model_hash` is that of the model trained again."""

    identical: Annotated[bool | None, about("Model and probabilities to the bit; null until it has completed")]
    differs: Annotated[list[str], about("What has changed: data, code_version, library_versions, params")]
    truncation_identical: Annotated[bool | None, about("Cutting off every bar after the decision changes nothing")]
    sentence: str | None
