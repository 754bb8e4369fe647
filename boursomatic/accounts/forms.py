"""The form that makes a token."""

from django import forms

from boursomatic.accounts.roles import DEFAULT_TOKEN_SCOPES, Scope
from boursomatic.accounts.tokens import DEFAULT_DAYS, MAX_DAYS


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        help_text="What it is for, so that you know later which one to revoke.",
        widget=forms.TextInput(attrs={"class": "form-control", "placeholder": "nightly job"}),
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=[scope.value for scope in DEFAULT_TOKEN_SCOPES],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": "Choose at least one: a token without a scope opens nothing."},
    )
    days = forms.IntegerField(
        label="Valid for",
        min_value=1,
        max_value=MAX_DAYS,
        initial=DEFAULT_DAYS,
        widget=forms.NumberInput(attrs={"class": "form-control"}),
    )
