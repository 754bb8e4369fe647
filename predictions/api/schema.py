"""Answers of the predictions API, for its schema: the answers themselves are written without serializers."""

from typing import Any

from rest_framework import serializers

from predictions.models import Flag, Label
from predictions.quant.predict import SAMPLES


def _column(help_text: str, *, least: float | None = 0, most: float | None = 1) -> serializers.ListField:
    return serializers.ListField(child=serializers.FloatField(min_value=least, max_value=most), help_text=help_text)


class Head(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    warning = serializers.CharField(allow_null=True, help_text="Says when it was asked of another instrument")


class PredictionRow(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(help_text="The candle at whose close it is made")
    prediction = serializers.IntegerField(min_value=0, max_value=1)
    probability = serializers.FloatField(min_value=0, max_value=1)
    confidence = serializers.FloatField(min_value=0, max_value=1, help_text="|probability - threshold|")
    sample = serializers.ChoiceField(SAMPLES)
    target = serializers.DateTimeField(allow_null=True, help_text="The candle it speaks of")
    out_of_range = serializers.FloatField(
        min_value=0, max_value=1, help_text="Share of features below or above all training rows"
    )
    distance = serializers.FloatField(
        min_value=0, help_text="Root mean square of the scaled features; about 1 in training"
    )


class Predictions(Head):
    threshold = serializers.FloatField(min_value=0, max_value=1)
    total_predictions = serializers.IntegerField(min_value=0)
    predictions = PredictionRow(many=True)


class Bin(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    rows = serializers.IntegerField()
    up = serializers.IntegerField()
    share = serializers.FloatField()
    interval = _column("95 %, Wilson")


class Judged(serializers.Serializer[Any]):
    rows = serializers.IntegerField()
    base_rate = serializers.FloatField(allow_null=True)


class PredictionColumns(Head):
    trained_on = serializers.CharField()
    own_threshold = serializers.FloatField()
    samples = serializers.ListField(child=serializers.CharField(), help_text="before, train, validation, test, after")
    epoch = serializers.ListField(child=serializers.IntegerField(), help_text="Seconds of the decision candles")
    probability = _column("Cut off after six digits")
    up = serializers.ListField(child=serializers.IntegerField(allow_null=True), help_text="What came; null: not yet")
    sample = serializers.ListField(child=serializers.IntegerField(), help_text="Places in `samples`")
    out_of_range = _column("Share of features below or above all training rows")
    distance = _column("Root mean square of the scaled features; about 1 in training", most=None)
    calibration = Bin(many=True, help_text="Over test and after")
    judged = Judged()


class Earned(serializers.Serializer[Any]):
    sharpe = serializers.FloatField(allow_null=True)
    max_drawdown = serializers.FloatField(max_value=0)
    total_return = serializers.FloatField()
    turnover = serializers.FloatField()
    exposure = serializers.FloatField()
    equity = _column("Begins at 1", most=None)


class PredictionPerformance(Head):
    threshold = serializers.FloatField()
    cost_bp = serializers.FloatField(required=False)
    first = serializers.DateTimeField(required=False)
    epoch = serializers.ListField(child=serializers.IntegerField())
    strategy = Earned(allow_null=True)
    buy_and_hold = Earned(allow_null=True)


class RecommendationRow(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    label = serializers.ChoiceField(  # type: ignore[assignment]  # the contract's name is also DRF's for a caption
        Label.choices, allow_null=True, help_text="null: nothing is said; see `flags`"
    )
    p_buy = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    p_hold = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    p_sell = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    expected_return = serializers.FloatField(allow_null=True, help_text="Over the horizon, as a fraction")
    rank = serializers.IntegerField(min_value=1, allow_null=True, help_text="1: highest expected return of the day")
    flags = serializers.ListField(child=serializers.ChoiceField(Flag.choices))
    version = serializers.CharField()
    as_of = serializers.DateField(help_text="The session at whose close it is made")
    made_at = serializers.DateTimeField()
    realised_return = serializers.FloatField(allow_null=True, help_text="null while its last bar has not come")
    hit = serializers.BooleanField(allow_null=True, help_text="Whether what came is of the class that was said")
    model_hash = serializers.CharField()
    in_sample = serializers.BooleanField(help_text="The model has seen this day's outcome; never counted")
    universe = serializers.CharField()
    horizon = serializers.IntegerField(min_value=1, help_text="In bars")
