"""Forms of accounts: login, passwords, second factor, a new token, an invitation, and what who follows it chooses."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm, UserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from boursomatic.accounts.guesses import GuessRefused, guess
from boursomatic.accounts.login_steps import has_just_logged_in
from boursomatic.accounts.roles import DEFAULT_TOKEN_SCOPES, Role, Scope
from boursomatic.accounts.second_factor import (
    code_guess,
    matching_step,
    must_set_up,
    offered_secret,
    secret_offer,
)
from boursomatic.accounts.tokens import DEFAULT_DAYS, MAX_DAYS
from boursomatic.shared.secrets import SealBroken


class LoginForm(AuthenticationForm):
    """Django's, with limits on guessing; `refusal` is set where nothing was checked."""

    refusal: GuessRefused | None = None

    def clean(self) -> dict[str, Any]:
        assert self.request is not None  # the view gives it
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if name and password:
            try:
                user = guess(self.request, name, lambda: authenticate(self.request, username=name, password=password))
            except GuessRefused as refusal:
                self.refusal = refusal
                raise ValidationError(str(refusal)) from refusal
            if user is None:
                raise self.get_invalid_login_error()
            self.user_cache = user
        return self.cleaned_data


class LimitedForm(forms.Form):
    """Whose guesses are limited; `refusal` is set where nothing was checked."""

    request: HttpRequest
    user: User
    refusal: GuessRefused | None = None

    def check_guess(self, check: Callable[[], bool], wrong: str) -> None:
        """Raises ValidationError, which says `wrong` or why nothing was checked."""
        try:
            is_right = check()
        except GuessRefused as refusal:
            self.refusal = refusal
            raise ValidationError(str(refusal)) from refusal
        except SealBroken as problem:
            raise ValidationError(
                "Codes of the app can't be checked any more: this server's SECRET_KEY has changed. Use a recovery "
                "code, or ask an admin to reset your second factor."
            ) from problem
        if not is_right:
            raise ValidationError(wrong)

    def check_password(self, password: str) -> None:
        check = partial(guess, self.request, self.user.get_username(), lambda: self.user.check_password(password))
        self.check_guess(check, "This is not your password. Enter it again.")


class CodeForm(LimitedForm):
    """The second step of a login, and the proof before a change of the second factor: an open browser is none, nor is a
    password, which others may know."""

    code = forms.CharField(
        label="Six digits that the app shows, or a recovery code",
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        check = partial(code_guess, self.request, self.user, code)
        self.check_guess(check, "This code is wrong, or it was used already: wait for the next one.")
        return code


class SetUpForm(LimitedForm):
    """Turns the second factor on: a code proves that an app has the secret, the password that it is the member's.

    The password is not asked again of who must set it up and has just logged in.
    """

    code = forms.CharField(
        label="Code that the app shows",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, user: User) -> None:
        super().__init__(request.POST or None)
        self.request, self.user = request, user
        self.secret = offered_secret(user, request.POST.get("offer", ""))
        self.offer = secret_offer(user, self.secret)
        if must_set_up(user) and has_just_logged_in(request):
            del self.fields["password"]

    def clean_code(self) -> int:
        """The step of the code."""
        step = matching_step(self.secret, self.cleaned_data["code"])
        if step is None:
            raise ValidationError("The app shows another code for this secret. Is the clock of your device right?")
        return step

    def clean_password(self) -> None:
        self.check_password(self.cleaned_data["password"])


class TokenChoice(forms.Form):
    """Beside a new password, for who has tokens: a password that was known to others may have made some."""

    user: User
    keep_tokens = forms.BooleanField(
        label="Keep my API tokens",
        required=False,
        help_text="Without this they are revoked, and programs that use them are refused from now on.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user: User | None = self.user  # none behind a link that has ended
        if user is None or not user.auth_token_set.exists():
            del self.fields["keep_tokens"]


class NewPasswordForm(TokenChoice, SetPasswordForm):  # type: ignore[type-arg]  # takes no parameter at run time
    """Of who follows a link."""


class OwnPasswordForm(TokenChoice, LimitedForm, PasswordChangeForm):
    """Django's, with the limits of the login: who sits at an open browser guesses no more than a stranger."""

    def __init__(self, request: HttpRequest, user: User) -> None:
        super().__init__(user, request.POST or None)
        self.request = request

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        self.check_password(old)
        return old


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
