"""An ensemble's records: what it is asked for, and what the API answers of its run and of its model."""

from typing import Annotated

from boursomatic.shared.records import UNSET, Body, Meta, Moment, Record, UnsetType, about, choice, unique
from training.quant.ensemble.spec import FEWEST, HOW, MOST, OF_ROW
from training.recipes.candle.schema import CandleHead, CandleModel, Timeframe
from training.recipes.sweep.schema import SweepParams


class EnsembleRequest(Body):
    """Candle runs of one series whose models are asked together; or `sweep_id` with the settings that name a row of its
    map: then its newest cells, 20 at most, are trained to be the members."""

    rules = {
        "oneOf": [
            {"required": ["run_ids"], "not": {"anyOf": [{"required": [name]} for name in ("sweep_id", *OF_ROW)]}},
            {"required": ["sweep_id"], "not": {"required": ["run_ids"]}},
        ]
    }

    run_ids: (
        Annotated[
            list[str],
            Meta(min_length=FEWEST, max_length=MOST, description="Completed candle runs, each named once"),
            unique(),
        ]
        | UnsetType
    ) = UNSET
    sweep_id: Annotated[str, about("A completed sweep, in the place of run_ids")] | UnsetType = UNSET
    train_years: Annotated[float, about("Of the row; may be left out where all rows have the same")] | UnsetType = UNSET
    params: SweepParams | UnsetType = UNSET
    feature_set: Annotated[str, about("Of the row")] | UnsetType = UNSET
    test_window_size: Annotated[int, about("Of the row")] | UnsetType = UNSET
    how: Annotated[str, choice(HOW, "Probabilities are averaged, or their percentile ranks among training rows")] = (
        "mean"
    )


class EnsembleConfig(Record):
    """What was asked for, and what the members make of it."""

    candle_date: Annotated[Moment, about("The last decision candle among the members'")]
    run_ids: Annotated[list[str], about("None where the members are cells")]
    sweep_id: Annotated[str | None, about("Whose cells are the members")]
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

    run_id: Annotated[str, about("A candle run, or the sweep of a cell")]
    cell: Annotated[int | None, about("The cell's number in its sweep, as columns of cells have it")]
    candle_date: Moment
    params_hash: str
    model_hash: Annotated[str | None, about("None of a cell, whose model is in the ensemble alone")]
    exists: Annotated[bool, about("Whether its run is there still; the ensemble has copies of its files")]


class EnsembleRun(CandleHead, tag="ensemble"):
    """A run that makes one model of several."""

    config: EnsembleConfig
    members: list[EnsembleMember]


class EnsembleModel(CandleModel, tag="ensemble"):
    """Several models of one instrument, asked together."""
