"""What the schema says of instruments and bars."""

from typing import Any

from rest_framework import serializers

from instruments.models import Timeframe


class Coverage(serializers.Serializer[Any]):
    rows = serializers.IntegerField()
    first = serializers.DateTimeField(allow_null=True)
    last = serializers.DateTimeField(allow_null=True)


class InstrumentOut(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    active = serializers.BooleanField()
    timeframes = serializers.DictField(child=Coverage(), help_text="By timeframe: 1h, 4h, 1d, 1w")


class BarsOut(serializers.Serializer[Any]):
    """Columns of equal length, oldest bar first."""

    symbol = serializers.CharField()
    timeframe = serializers.ChoiceField(Timeframe.choices)
    price = serializers.ChoiceField(["raw", "adjusted"])
    time = serializers.ListField(child=serializers.DateTimeField())
    epoch = serializers.ListField(child=serializers.IntegerField(), help_text="Seconds since 1970-01-01 UTC")
    open = serializers.ListField(child=serializers.FloatField())
    high = serializers.ListField(child=serializers.FloatField())
    low = serializers.ListField(child=serializers.FloatField())
    close = serializers.ListField(child=serializers.FloatField())
    volume = serializers.ListField(child=serializers.FloatField())
    adj_close = serializers.ListField(child=serializers.FloatField())


class BarIn(serializers.Serializer[Any]):
    date = serializers.CharField(help_text="ISO 8601; a time without a zone is UTC")
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.FloatField(required=False)
    adj_close = serializers.FloatField(required=False)


class ProblemOut(serializers.Serializer[Any]):
    file = serializers.CharField()
    row = serializers.IntegerField(allow_null=True, help_text="Line in the file; the header is line 1")
    symbol = serializers.CharField(allow_null=True)
    timestamp = serializers.CharField(allow_null=True)
    reason = serializers.CharField()


class ImportOut(serializers.Serializer[Any]):
    """read = inserted + updated + unchanged + rejected + duplicates."""

    read = serializers.IntegerField()
    inserted = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    overruled = serializers.IntegerField(help_text="Rejected because a later table says otherwise")
    instruments = serializers.DictField(child=Coverage())
    problems = ProblemOut(many=True)
    problems_omitted = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.CharField())
    detail = serializers.CharField(required=False, help_text="Why nothing was stored")
