"""What the schema says of universe runs and walks, and of runs of every kind."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from training.api.schema import VERDICTS, Run, number_field
from training.models import Kind, Status
from training.quant.universe.spec import UNIVERSE_RANGES
from training.quant.walk_forward.spec import WALK_RANGES, WINDOWS

_UniverseNumbers = type(
    "_UniverseNumbers", (serializers.Serializer,), {name: number_field(r) for name, r in UNIVERSE_RANGES.items()}
)
_WalkNumbers = type(
    "_WalkNumbers", (serializers.Serializer,), {name: number_field(r) for name, r in WALK_RANGES.items()}
)


class WalkRequest(_WalkNumbers):  # type: ignore[misc, valid-type]  # made from WALK_RANGES just above
    """How to walk."""

    window = serializers.ChoiceField(
        WINDOWS, default=WINDOWS[0], help_text="Train on all days before, or on as many as the first fold has"
    )


class UniverseRequest(_UniverseNumbers):  # type: ignore[misc, valid-type]  # made from UNIVERSE_RANGES just above
    universe = serializers.CharField(default="all", max_length=40, help_text="A named set; all is every active one")
    as_of = serializers.DateField(required=False, allow_null=True, help_text="Train as if this day were the last")
    refit = serializers.BooleanField(default=True, help_text="Fit again on all rows whose outcome is known")
    walk_forward = WalkRequest(required=False, allow_null=True, help_text="Walk forward instead, and keep no model")


class UniverseAccepted(serializers.Serializer[Any]):
    started = serializers.BooleanField()
    run_id = serializers.CharField()
    message = serializers.CharField()


class UniverseFigures(serializers.Serializer[Any]):
    """Shares and returns as fractions; null where undefined."""

    precision_buy = serializers.FloatField(allow_null=True)
    precision_buy_positive = serializers.FloatField(allow_null=True)
    base_rate_buy = serializers.FloatField(allow_null=True)
    buys = serializers.IntegerField()
    accuracy = serializers.FloatField()
    rmse = serializers.FloatField()
    mae = serializers.FloatField()
    r2 = serializers.FloatField(allow_null=True)
    rank_ic = serializers.FloatField(allow_null=True)
    sharpe = serializers.FloatField(allow_null=True)
    max_drawdown = serializers.FloatField()
    total_return = serializers.FloatField()
    turnover = serializers.FloatField()
    exposure = serializers.FloatField()
    benchmark_sharpe = serializers.FloatField(allow_null=True)
    benchmark_max_drawdown = serializers.FloatField()


class UniverseVerdict(serializers.Serializer[Any]):
    label = serializers.ChoiceField(VERDICTS)  # type: ignore[assignment]  # DRF takes it out
    p_value = serializers.FloatField(allow_null=True)
    adjusted_p_value = serializers.FloatField(allow_null=True)
    tries = serializers.IntegerField()
    days = serializers.IntegerField()
    sentence = serializers.CharField()


class _OfUniverse(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    kind = serializers.ChoiceField(Kind.choices)
    status = serializers.ChoiceField(Status.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    stage = serializers.CharField()
    message = serializers.CharField()
    error = serializers.CharField(allow_null=True)
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    universe = serializers.CharField()
    as_of = serializers.DateField(allow_null=True)
    instruments = serializers.IntegerField(allow_null=True)
    config = serializers.DictField()
    params_hash = serializers.CharField()
    data_hash = serializers.CharField(allow_null=True)
    verdict = UniverseVerdict(allow_null=True)


class UniverseRun(_OfUniverse):
    version = serializers.CharField(allow_null=True)
    rows = serializers.DictField(child=serializers.IntegerField(), help_text="train, validation, test")
    borders = serializers.DictField(child=serializers.DateField())
    metrics = serializers.DictField(child=UniverseFigures(), help_text="validation, test")
    artifact_paths = serializers.DictField(child=serializers.CharField(), help_text="Below the run's folder")
    model_hash = serializers.CharField(allow_null=True)


class WalkFold(UniverseFigures):
    train_last = serializers.DateField()
    first = serializers.DateField()
    last = serializers.DateField()


class WalkRun(_OfUniverse):
    window = serializers.ChoiceField(WINDOWS)
    folds = WalkFold(many=True, help_text="Those that are done, oldest first")
    pooled = UniverseFigures(help_text="Empty until the last fold is done")
    stability = serializers.DictField(child=serializers.IntegerField(), help_text="In how many folds it was above 0")
    curve = serializers.DictField(help_text="days, long_short and equal_weight: equity of the pooled book, from 1")


def _any_run(*, many: bool) -> PolymorphicProxySerializer:
    """Told apart by `kind`."""
    return PolymorphicProxySerializer(
        component_name="AnyRun",
        serializers={Kind.CANDLE.value: Run, Kind.UNIVERSE.value: UniverseRun, Kind.WALK.value: WalkRun},
        resource_type_field_name="kind",
        many=many,
    )


AnyRun, AnyRuns = _any_run(many=False), _any_run(many=True)
