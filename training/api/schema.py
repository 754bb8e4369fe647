"""What the schema says of requests and answers. Checking is training/quant/candle/spec.py's: names and ranges."""

from typing import Any

from rest_framework import serializers

from instruments.models import Timeframe
from training.models import Kind, Status
from training.quant.candle.spec import FEATURE_SETS, PROTOCOLS, RANGES, Range
from training.quant.candle.verdict import Label
from training.runs.annotations import NAME_MOST, NOTES_MOST, TAG_MOST, TAGS_MOST

VERDICTS = [(label.value, label.value) for label in Label]


def number_field(wanted: Range) -> serializers.Field[Any, Any, Any, Any]:
    about = f"{wanted.label}, in {wanted.unit}" if wanted.unit else wanted.label
    if wanted.whole:
        return serializers.IntegerField(
            min_value=int(wanted.low), max_value=int(wanted.high), default=int(wanted.default), help_text=about
        )
    return serializers.FloatField(min_value=wanted.low, max_value=wanted.high, default=wanted.default, help_text=about)


def _numbers(in_params: bool) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    return {name: number_field(wanted) for name, wanted in RANGES.items() if wanted.in_params is in_params}


Params = type("Params", (serializers.Serializer,), _numbers(in_params=True))
_CandleNumbers = type("_CandleNumbers", (serializers.Serializer,), _numbers(in_params=False))


class CandleRequest(_CandleNumbers):  # type: ignore[misc, valid-type]  # made from RANGES just above
    candle_date = serializers.DateTimeField(help_text="The selected candle; a day alone is its midnight, in UTC")
    params = Params(required=False)
    symbol = serializers.CharField(required=False, max_length=32, help_text="Default: the platform's default symbol")
    timeframe = serializers.ChoiceField(Timeframe.choices, default=Timeframe.DAY)
    protocol = serializers.ChoiceField(PROTOCOLS, default="honest")
    feature_set = serializers.ChoiceField(
        FEATURE_SETS, required=False, help_text="Default: scale_free with honest, poc16 with poc"
    )
    confirm = serializers.BooleanField(default=True, help_text="Follow with the walk-forward confirmation")
    live = serializers.BooleanField(default=False, help_text="Train a candle with too few candles after it, untested")


class CandleAccepted(serializers.Serializer[Any]):
    started = serializers.BooleanField()
    run_id = serializers.CharField()
    pid = serializers.IntegerField(allow_null=True, help_text="Null until a worker has taken the run")
    message = serializers.CharField()
    output_dir = serializers.CharField(help_text="Below the artifact root")


class Metrics(serializers.Serializer[Any]):
    """Null where undefined."""

    accuracy = serializers.FloatField(allow_null=True)
    precision = serializers.FloatField(allow_null=True)
    recall = serializers.FloatField(allow_null=True)
    f1 = serializers.FloatField(allow_null=True)
    auc = serializers.FloatField(allow_null=True)
    mcc = serializers.FloatField(allow_null=True)
    best_threshold = serializers.FloatField(allow_null=True, required=False)


class Verdict(serializers.Serializer[Any]):
    label = serializers.ChoiceField(VERDICTS)  # type: ignore[assignment]  # DRF takes it out
    p_value = serializers.FloatField(allow_null=True)
    adjusted_p_value = serializers.FloatField(allow_null=True)
    tries = serializers.IntegerField()
    rows = serializers.IntegerField()
    windows = serializers.IntegerField()
    auc = serializers.FloatField(allow_null=True)
    auc_interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    smallest_visible_auc = serializers.FloatField(allow_null=True)
    confirmed = serializers.BooleanField()
    sentence = serializers.CharField()


class Evidence(serializers.Serializer[Any]):
    auc = serializers.FloatField()
    auc_interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    p_value = serializers.FloatField()
    rows = serializers.IntegerField()
    windows = serializers.IntegerField()
    positives = serializers.IntegerField()


class Confirmation(serializers.Serializer[Any]):
    run_id = serializers.CharField(help_text="The job's own")
    status = serializers.ChoiceField(Status.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    message = serializers.CharField()
    error = serializers.CharField(allow_null=True)
    windows = serializers.ListField(child=serializers.DictField(), help_text="Oldest first; AUC and interval of each")
    pooled = Evidence(allow_null=True)
    logistic = Evidence(allow_null=True, help_text="Logistic regression on the same rows")
    logistic_is_better = serializers.BooleanField()


class LiveScore(serializers.Serializer[Any]):
    candles = serializers.IntegerField(help_text="That have happened since, of those of a test window")
    of = serializers.IntegerField()
    sentence = serializers.CharField()
    metrics = serializers.DictField(allow_null=True)


class Split(serializers.Serializer[Any]):
    rows = serializers.IntegerField()
    first = serializers.DateTimeField()
    last = serializers.DateTimeField()
    class_counts = serializers.DictField(child=serializers.IntegerField())


class RunWords(serializers.Serializer[Any]):
    """Fields that are left out stay as they are."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=NAME_MOST, help_text="One line")
    notes = serializers.CharField(required=False, allow_blank=True, max_length=NOTES_MOST)
    tags = serializers.ListField(
        required=False,
        max_length=TAGS_MOST,
        child=serializers.CharField(
            max_length=TAG_MOST, help_text="Letters, digits, '_', '.', '-'; kept in small ones"
        ),
    )
    pinned = serializers.BooleanField(required=False, help_text="Kept by retention and by bulk deletion")


class Run(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    kind = serializers.ChoiceField(Kind.choices)
    timestamp = serializers.CharField(help_text="The UTC second it was asked for, as 20231215_143022")
    candle_date = serializers.DateTimeField()
    symbol = serializers.CharField()
    timeframe = serializers.ChoiceField(Timeframe.choices)
    status = serializers.ChoiceField(Status.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    stage = serializers.CharField()
    message = serializers.CharField()
    error = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    notes = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    pinned = serializers.BooleanField()
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    train_metrics = Metrics()
    validation_metrics = Metrics()
    test_metrics = Metrics()
    verdict = Verdict(allow_null=True)
    confirmation = Confirmation(allow_null=True)
    live_score = LiveScore(allow_null=True, help_text="Of a live run, and only where one run is asked for")
    splits = serializers.DictField(child=Split())
    config = serializers.DictField()
    params_hash = serializers.CharField()
    data_hash = serializers.CharField(allow_null=True)
    model_hash = serializers.CharField(allow_null=True)
    feature_names = serializers.ListField(child=serializers.CharField())
    artifact_paths = serializers.DictField(child=serializers.CharField(), help_text="Below the run's folder")


class Model(serializers.Serializer[Any]):
    version = serializers.CharField()
    kind = serializers.ChoiceField(Kind.choices)
    scope = serializers.DictField(help_text="symbol or universe, timeframe, horizon in bars")
    run_id = serializers.CharField()
    trained_at = serializers.DateTimeField()
    metrics = serializers.DictField()
    verdict = Verdict(allow_null=True)
    params_hash = serializers.CharField()
    data_hash = serializers.CharField()
    model_hash = serializers.CharField()
    is_active = serializers.BooleanField()
    activated_at = serializers.DateTimeField(allow_null=True)
    activated_by = serializers.CharField(allow_null=True)
    artifact_paths = serializers.DictField(child=serializers.CharField())


class Refusal(serializers.Serializer[Any]):
    """`detail`, or messages by field: {"train_years": ["Must be a number from 0.5 to 10."]}."""

    detail = serializers.CharField(required=False)


class DeactivateRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, help_text="It stays in the history")


class RollBackRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, required=False, help_text='Follows "Rolled back from …"')


class ActivateRequest(DeactivateRequest):
    expected_active = serializers.CharField(
        required=False, allow_null=True, help_text="The version that is active now, null for none: 409 if it isn't"
    )
    override = serializers.BooleanField(default=False, help_text="Activate it although the gate refuses")


class GateCheck(serializers.Serializer[Any]):
    check = serializers.CharField()
    passed = serializers.BooleanField()
    value = serializers.JSONField(allow_null=True)
    needed = serializers.CharField()


class GateRefusal(serializers.Serializer[Any]):
    detail = serializers.CharField()
    gate = GateCheck(many=True)


class Activated(Model):
    previous = serializers.CharField(allow_null=True)
    gate = GateCheck(many=True)


class ActivationEntry(serializers.Serializer[Any]):
    scope = serializers.CharField()
    version = serializers.CharField(allow_null=True, help_text="Null: none from then on")
    previous = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    by = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    overridden = serializers.BooleanField(help_text="The gate had refused")
    gate = GateCheck(many=True)
