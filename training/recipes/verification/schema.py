"""The records of a verification."""

from typing import Annotated

from boursomatic.shared.records import Moment, Record, Stored, about
from training.recipes.candle.schema import AboutHead


class BarsImport(Record):
    """What changed bars that a run was made with."""

    symbol: str
    made_at: Moment
    kind: Annotated[str, about("import, repair or undo")]
    source: str
    run_id: Annotated[str | None, about("The run that stored them")]
    user: str | None


class BarsChanged(Record):
    """Bars that changed since a run: it was trained again on them as they stood before."""

    stood_at: Annotated[Moment, about("When the run began")]
    bars: Annotated[int, about("Of those that the run was made with: rewritten, removed, or inserted among them")]
    first: Moment
    last: Moment
    symbols: list[str]
    imports: Annotated[list[BarsImport], about("The newest first, 100 at most")]


class VerificationResult(Stored):
    """What a verification stores, nothing of it until it has completed. `model_hash` is that of the model trained
    again; without the data there is none."""

    identical: bool | None = None
    differs: list[str] = []
    truncation_identical: bool | None = None
    sentence: str | None = None
    model_hash: str | None = None
    bars_changed: BarsChanged | None = None


class VerificationRun(AboutHead, tag="verification"):
    """A candle run trained again from what is stored; `model_hash` is that of the model trained again."""

    identical: Annotated[bool | None, about("Model and probabilities to the bit; null until it has completed")]
    differs: Annotated[
        list[str],
        about("What has changed: code_version, library_versions, params; data whose state of then isn't recorded"),
    ]
    truncation_identical: Annotated[bool | None, about("Cutting off every bar after the decision changes nothing")]
    sentence: str | None
    bars_changed: BarsChanged | None
