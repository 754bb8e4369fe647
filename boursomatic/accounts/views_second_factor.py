"""One's own second factor: turned on with a QR code, turned off, and new recovery codes, which are shown once."""

from collections.abc import Callable

import segno
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from boursomatic.accounts.forms import CodeForm, SetUpForm
from boursomatic.accounts.members import sessions_end
from boursomatic.accounts.permissions import before_second_factor, person_of, signed_in
from boursomatic.accounts.second_factor import (
    has_second_factor,
    must_set_up,
    recovery_codes_renew,
    second_factor_turn_off,
    second_factor_turn_on,
    setup_address,
)
from boursomatic.accounts.views import style_fields, with_refusal

LOST = "No device and no recovery code? An admin can reset your second factor."
ALREADY_ON = "Your second factor is on already. Turn it off first to use another app or device."


@before_second_factor
@sensitive_post_parameters()
@never_cache
def set_up(request: HttpRequest) -> HttpResponse:
    """Shows the secret of an app, and turns the second factor on once a code proves that the app has it."""
    user = person_of(request)
    if has_second_factor(user):
        messages.info(request, ALREADY_ON)
        return redirect("account")
    form = SetUpForm(request, user)
    style_fields(form)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            codes = second_factor_turn_on(user=user, secret=form.secret, step=form.cleaned_data["code"])
            if codes:  # the password alone has opened all sessions: this one goes on, under a new number
                sessions_end(user=user, by=user)
                request.session.cycle_key()
        return _codes_page(request, codes) if codes else redirect("account")
    context = {
        "form": form,
        "is_required": must_set_up(user),
        "qr": _qr(setup_address(user, form.secret)),
        "spaced_secret": " ".join(form.secret[start : start + 4] for start in range(0, len(form.secret), 4)),
    }
    page = render(request, "accounts/second_factor.html", context, status=400 if form.errors else 200)
    return with_refusal(request, page, form.refusal)


@signed_in
@sensitive_post_parameters()
@never_cache
def new_codes(request: HttpRequest) -> HttpResponse:
    """Makes new recovery codes; those of before open nothing any more."""
    return _with_proof(
        request, "New recovery codes", lambda user: _codes_page(request, recovery_codes_renew(user=user))
    )


@signed_in
@sensitive_post_parameters()
@never_cache
def turn_off(request: HttpRequest) -> HttpResponse:
    def turned_off(user: User) -> HttpResponse:
        second_factor_turn_off(user=user)
        messages.success(request, "Your second factor is off: your password is enough to log in.")
        return redirect("account")

    return _with_proof(request, "Turn off the second factor", turned_off)


def _with_proof(request: HttpRequest, title: str, change: Callable[[User], HttpResponse]) -> HttpResponse:
    """What `change` answers, once a code has proved that it is the member; else the page that asks for the proof."""
    user = person_of(request)
    if not has_second_factor(user):
        return redirect("account")
    form = CodeForm(request, user, request.POST or None)
    style_fields(form)
    if request.method == "POST" and form.is_valid():
        return change(user)
    context = {"form": form, "title": title, "hint": LOST}
    page = render(request, "accounts/own_form.html", context, status=400 if form.errors else 200)
    return with_refusal(request, page, form.refusal)


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """The only answer that ever has them."""
    back = request.GET.get("next", "")
    back = back if url_has_allowed_host_and_scheme(back, None) else ""
    return render(request, "accounts/recovery_codes.html", {"codes": "\n".join(codes), "back": back})


def _qr(text: str) -> SafeString:
    """Dark on light in dark mode too, or few apps read it; shapes and attributes alone, which the CSP lets pass."""
    return mark_safe(segno.make(text, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff"))
