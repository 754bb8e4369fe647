"""Forms of accounts: a new token, an invitation, and what whoever follows it chooses."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.utils import timezone

from boursomatic.accounts.roles import DEFAULT_TOKEN_SCOPES, Role, Scope
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


class InviteForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="Whom you invite; the user name is theirs to choose.",
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    email = forms.EmailField(
        label="E-mail (optional)",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    role = forms.TypedChoiceField(
        choices=Role.choices,
        coerce=Role,
        initial=Role.VIEWER,
        widget=forms.Select(attrs={"class": "form-select"}),
    )


class InvitationForm(UserCreationForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    """What an invited person chooses: user name and password. Saving makes the account theirs."""

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, instance=user)
        self.fields["username"].label = "User name"
        self.initial["username"] = ""  # not the one that stands for the invitation

    def save(self, commit: bool = True) -> User:
        self.instance.is_active = True
        self.instance.date_joined = timezone.now()
        user: User = super().save(commit)
        return user
