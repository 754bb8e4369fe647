"""Answers of the predictions API: of candle models, and recommendations."""

from typing import Annotated

from boursomatic.shared.openapi import Shape
from boursomatic.shared.records import UNSET, Day, Meta, Moment, Record, Share, UnsetType, about, choice
from predictions.models import Label, RecommendationFlag
from predictions.quant.calibration import Bin
from predictions.quant.predict import SAMPLES
from training.quant.candle.spec import DECISIONS

OutOfRange = Annotated[Share, about("Share of features below or above all training rows")]
Distance = Annotated[float, Meta(ge=0, description="Root mean square of the scaled features; about 1 in training")]


class PredictionHead(Record):
    """What was asked, and of which instrument."""

    run_id: str
    symbol: str
    timeframe: str
    decision: Annotated[str, choice(DECISIONS, "When it is made: at a candle's close, or at the next one's open")]
    warning: Annotated[str | None, about("Says when it was asked of another instrument")]


class Prediction(Record):
    """What the model says at one candle."""

    timestamp: Annotated[Moment, about("The candle at whose close it is made")]
    prediction: Annotated[int, Meta(ge=0, le=1)]
    probability: Share
    confidence: Annotated[Share, about("|probability - threshold|")]
    sample: Annotated[str, choice(SAMPLES, "What part the candle had in training")]
    target: Annotated[Moment | None, about("The candle it speaks of")]
    out_of_range: OutOfRange
    distance: Distance


class Predictions(PredictionHead):
    """Oldest first."""

    threshold: Share
    total_predictions: Annotated[int, Meta(ge=0)]
    predictions: list[Prediction]


class Evaluated(Record):
    """Candles of test and after whose outcome is known."""

    rows: int
    base_rate: float | None


class PredictionColumns(PredictionHead):
    """Columns of equal length, oldest candle first."""

    trained_on: str
    own_threshold: float
    samples: Annotated[list[str], about("before, train, validation, test, after")]
    epoch: Annotated[list[int], about("Seconds of the decision candles")]
    probability: Annotated[list[Share], about("Cut off after six digits")]
    up: Annotated[list[int | None], about("What came; null: not yet")]
    sample: Annotated[list[int], about("Places in `samples`")]
    out_of_range: list[OutOfRange]
    distance: list[Distance]
    calibration: Annotated[list[Bin], about("Over test and after")]
    judged: Evaluated


class Earnings(Record):
    """After costs; shares and returns as fractions."""

    sharpe: float | None
    max_drawdown: Annotated[float, Meta(le=0)]
    total_return: float
    turnover: float
    exposure: float
    equity: Annotated[list[float], about("Begins at 1")]


class PredictionPerformance(PredictionHead):
    """Over the candles that the model was not made of; without such candles `strategy` and `buy_and_hold` are null."""

    threshold: float
    epoch: list[int]
    strategy: Earnings | None
    buy_and_hold: Earnings | None
    cost_bp: Annotated[float, about("Basis points on what is traded")] | UnsetType = UNSET
    first: Moment | UnsetType = UNSET


class Recommendation(Record):
    """What is advised on one instrument as of one session, and what came of it."""

    symbol: str
    label: Annotated[str | None, choice([*Label.values, None], "null: nothing is said; see `flags`")]
    p_buy: Share | None
    p_hold: Share | None
    p_sell: Share | None
    expected_return: Annotated[float | None, about("Over the horizon, as a fraction")]
    rank: Annotated[Annotated[int, Meta(ge=1)] | None, about("1: highest score of the day")]
    flags: list[Annotated[str, choice(RecommendationFlag.values)]]
    version: str
    as_of: Annotated[Day, about("The session at whose close it is made")]
    made_at: Moment
    realised_return: Annotated[float | None, about("null while its last bar has not come")]
    hit: Annotated[bool | None, about("Whether what came is of the class that was said")]
    model_hash: str
    in_sample: Annotated[bool, about("The model has seen this day's outcome; never counted")]
    replay: Annotated[bool, about("Said after the event, by a replay; counted apart")]
    universe: str
    horizon: Annotated[int, Meta(ge=1, description="In bars")]


Recommendations = Shape("Recommendations", list[Recommendation])
