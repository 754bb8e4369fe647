"""Forms of schedules."""

from django import forms

# Text and not the browser's own time field: that goes by its own language, with twelve hours here and there.
_TIME = {
    "class": "form-control form-control-sm",
    "pattern": r"([01]\d|2[0-3]):[0-5]\d",
    "placeholder": "HH:MM",
    "title": "An hour of the day, as 22:30, UTC",
    "autocomplete": "off",
}


class ScheduleForm(forms.Form):
    """When a schedule runs."""

    time_of_day = forms.TimeField(
        input_formats=["%H:%M"],
        label="Time of day (UTC)",
        widget=forms.TimeInput(format="%H:%M", attrs=_TIME),
    )
    every_days = forms.IntegerField(
        label="Every … days",
        min_value=1,
        max_value=90,
        widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
    )


class DelayForm(forms.Form):
    """How long after its bars are final a universe is refreshed."""

    delay_minutes = forms.IntegerField(
        label="Minutes after the bars are final",
        min_value=0,
        max_value=1439,
        widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
    )
