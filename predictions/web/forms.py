"""Forms of schedules."""

from django import forms


class ScheduleForm(forms.Form):
    """When a schedule runs."""

    time_of_day = forms.TimeField(
        label="Time of day (UTC)",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "form-control form-control-sm"}),
    )
    every_days = forms.IntegerField(
        label="Every … days",
        min_value=1,
        max_value=90,
        widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
    )
