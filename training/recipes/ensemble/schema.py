"""An ensemble's records: what it is asked for, and what the API answers of its run and of its model."""

from typing import Annotated

from boursomatic.shared.records import Meta, Moment, Record, about, choice
from training.quant.ensemble.spec import FEWEST, HOW, MOST
from training.recipes.candle.schema import CandleHead, CandleModel, Timeframe


class EnsembleRequest(Record):
    """Candle runs of one series whose models are asked together."""

    run_ids: Annotated[
        list[str], Meta(min_length=FEWEST, max_length=MOST, description="Completed candle runs, each named once")
    ]
    how: Annotated[str, choice(HOW, "Probabilities are averaged, or their percentile ranks among training rows")] = (
        "mean"
    )


class EnsembleConfig(Record):
    """What was asked for, and what the members make of it."""

    candle_date: Annotated[Moment, about("The last decision candle among the members'")]
    run_ids: list[str]
    how: Annotated[str, choice(HOW)]
    decision: str
    gap: int
    symbol: str
    timeframe: Timeframe
    test_window_size: int
    confirm: bool
    live: bool
    seed: int
    rows_rule: int
    seen_until: Annotated[Moment, about("The last outcome that the members' figures looked at")]


class EnsembleMember(Record):
    """A member, as it was when it was taken."""

    run_id: str
    candle_date: Moment
    params_hash: str
    model_hash: str
    exists: Annotated[bool, about("Whether its run is there still; the ensemble has copies of its files")]


class EnsembleRun(CandleHead, tag="ensemble"):
    """A run that makes one model of several."""

    config: EnsembleConfig
    members: list[EnsembleMember]


class EnsembleModel(CandleModel, tag="ensemble"):
    """Several models of one instrument, asked together."""
