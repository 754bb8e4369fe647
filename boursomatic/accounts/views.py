"""Login in two steps, logout, one's own account with its password and tokens, and the pages behind one-day links."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.contrib.auth.views import (
    INTERNAL_RESET_SESSION_TOKEN,
    LoginView,
    LogoutView,
    PasswordResetConfirmView,
    RedirectURLMixin,
    redirect_to_login,
)
from django.db import transaction
from django.db.models import Count
from django.forms import CheckboxInput
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.log import log_response
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from boursomatic.accounts.audit import audit
from boursomatic.accounts.client_address import client_address
from boursomatic.accounts.columns import columns_hide
from boursomatic.accounts.forms import (
    CodeForm,
    InvitationForm,
    LoginForm,
    NewPasswordForm,
    OwnPasswordForm,
    TokenForm,
)
from boursomatic.accounts.guesses import GuessRefused, guesses_forget
from boursomatic.accounts.login_steps import login_complete, login_held, login_hold
from boursomatic.accounts.members import invitation_tokens, is_invited, sessions_end
from boursomatic.accounts.models import ApiToken, SecondFactor
from boursomatic.accounts.permissions import person_of, public, signed_in
from boursomatic.accounts.roles import SCOPES, Scope, role_of
from boursomatic.accounts.second_factor import has_second_factor
from boursomatic.accounts.tokens import token_create, token_revoke, tokens_revoke
from boursomatic.notices.services import mail_settings
from boursomatic.shared.tables import TableName


class Login(LoginView):
    """The only way in, the admin site's too. Who has a second factor goes on to LoginCode, not logged in yet."""

    template_name = "accounts/login.html"
    form_class = LoginForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        user, page = form.get_user(), self.get_success_url()
        if has_second_factor(user):
            login_hold(self.request, user)
            return redirect(f"{reverse('login-code')}?{urlencode({'next': page})}")
        return login_complete(self.request, user, redirect(page))

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_refusal(self.request, super().form_invalid(form), form.refusal)


class LoginCode(RedirectURLMixin, FormView):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    """The second step: six digits of the app, or a recovery code."""

    template_name = "accounts/login_code.html"
    form_class = CodeForm
    next_page = "home"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.user = login_held(request)
        if self.user is None:
            return redirect_to_login(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request, "user": self.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"next": self.get_success_url()}

    def form_valid(self, form: CodeForm) -> HttpResponse:
        return login_complete(self.request, form.user, redirect(self.get_success_url()))

    def form_invalid(self, form: CodeForm) -> HttpResponse:
        return with_refusal(self.request, super().form_invalid(form), form.refusal)


class Logout(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            audit(request.user, "session.end", request.user.get_username(), address=client_address(request))
        return super().post(request, *args, **kwargs)


login = public(Login.as_view())
login_code = public(never_cache(sensitive_post_parameters()(LoginCode.as_view())))
logout = public(Logout.as_view())


class PasswordLink(PasswordResetConfirmView):
    """Behind a link of one day, which works once: a member chooses a new password."""

    template_name = "accounts/link.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("login")
    action = "password.reset"

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user and self.is_for(user) else None

    def is_for(self, user: User) -> bool:
        return user.is_active

    def form_valid(self, form: Any) -> HttpResponse:
        token, user = self.request.session.get(INTERNAL_RESET_SESSION_TOKEN), self.user
        assert user is not None  # a form is drawn for an account alone
        with transaction.atomic():
            # Two windows may hold the same link: the second finds it used.
            stored = User.objects.select_for_update().filter(pk=user.pk).first()
            if stored is None or not self.token_generator.check_token(stored, token):
                self.validlink = False
                return self.render_to_response(self.get_context_data())
            response = super().form_valid(form)
            audit(user, self.action, user.username)
            _end_tokens(user, form)
        guesses_forget(self.request, user.username)
        messages.success(self.request, "Your password is set. Log in with it.")
        return response

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        style_fields(form)
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"is_invitation": self.action == "member.join"}

    def render_to_response(self, context: dict[str, Any], **more: Any) -> HttpResponse:
        form = context["form"]
        return super().render_to_response(context, status=410 if form is None else 400 if form.errors else 200, **more)


class InvitationLink(PasswordLink):
    """The same for whoever is invited, who chooses a user name too."""

    form_class = InvitationForm  # type: ignore[assignment]  # takes a user as SetPasswordForm does
    token_generator = invitation_tokens
    action = "member.join"

    def is_for(self, user: User) -> bool:
        return is_invited(user)


password_reset = public(PasswordLink.as_view())
invitation = public(InvitationLink.as_view())


@signed_in
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Role, password, second factor, tokens."""
    return _account_page(request, TokenForm())


@signed_in
@require_POST
@never_cache
def token_new(request: HttpRequest) -> HttpResponse:
    """Makes a token and shows it, once: the text is in this answer and nowhere else."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _account_page(request, form, status=400)
    token, text = token_create(
        user=person_of(request),
        scopes=[Scope(value) for value in form.cleaned_data["scopes"]],
        days=form.cleaned_data["days"],
        name=form.cleaned_data["name"],
    )
    return _account_page(request, TokenForm(), new_token=token, text=text)


@signed_in
@require_POST
def token_end(request: HttpRequest, digest: str) -> HttpResponse:
    """Revokes one of one's own tokens."""
    token = ApiToken.objects.filter(user=person_of(request), digest=digest).first()
    if token is None:
        raise Http404("You have no such token; it may have been revoked already.")
    token_revoke(token=token, by=person_of(request))
    messages.success(request, f"The token {token.name or 'without a name'} is revoked.")
    return redirect("account")


@signed_in
@require_POST
def tokens_end(request: HttpRequest) -> HttpResponse:
    """Revokes all of one's own tokens."""
    tokens_revoke(user=person_of(request), by=person_of(request))
    messages.success(request, "All your tokens are revoked.")
    return redirect("account")


@signed_in
@require_POST
def logout_everywhere(request: HttpRequest) -> HttpResponse:
    """Logs out of every browser, this one too."""
    sessions_end(user=person_of(request), by=person_of(request))
    end_session(request)
    messages.success(request, "You are logged out everywhere.")
    return redirect("login")


@signed_in
@sensitive_post_parameters()
@never_cache
def password(request: HttpRequest) -> HttpResponse:
    """Changes one's own password; other browsers are logged out, tokens end unless they are to be kept."""
    user = person_of(request)
    form = OwnPasswordForm(request, user)
    style_fields(form)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            audit(user, "password.change", user.get_username())
            _end_tokens(user, form)
        update_session_auth_hash(request, user)
        messages.success(request, "Your password is changed. Other browsers are logged out.")
        return redirect("account")
    context = {"form": form, "title": "Change password"}
    page = render(request, "accounts/own_form.html", context, status=400 if form.errors else 200)
    return with_refusal(request, page, form.refusal)


@signed_in
@require_POST
def table_columns(request: HttpRequest, table: str) -> HttpResponse:
    """Keeps which of a table's columns (`all`) are to be seen (`shown`), and goes back to it."""
    if table not in list(TableName):
        raise Http404("There is no such table.")
    hidden = set(request.POST.getlist("all")) - set(request.POST.getlist("shown"))
    columns_hide(user=person_of(request), table=table, names=hidden)
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, None) else "home")


def _end_tokens(user: User, form: Any) -> None:
    if not form.cleaned_data.get("keep_tokens"):
        tokens_revoke(user=user, by=user)


def style_fields(form: Any) -> None:
    for field in form.fields.values():
        is_box = isinstance(field.widget, CheckboxInput)
        field.widget.attrs["class"] = "form-check-input" if is_box else "form-control"


def with_refusal(request: HttpRequest, page: HttpResponse, refusal: GuessRefused | None) -> HttpResponse:
    """The form's page, which says to wait, as programs are told it."""
    if refusal:
        page.status_code = refusal.code
        page["Retry-After"] = str(refusal.wait_s)
        # Once, here: Django would log a 503 as an error of ours, and any stranger can bring one about.
        log_response("Refused a guess: %s", request.path, response=page, request=request, level="warning")
    return page


def _account_page(
    request: HttpRequest, form: TokenForm, *, new_token: ApiToken | None = None, text: str = "", status: int = 200
) -> HttpResponse:
    user = person_of(request)
    role = role_of(user)
    context = {
        "form": form,
        "new_token": new_token,
        "text": text,
        "role": role,
        "role_scopes": [scope for scope in Scope if role and scope in SCOPES[role]],
        "tokens": user.auth_token_set.all(),
        "factor": SecondFactor.objects.filter(user=user).annotate(codes_left=Count("recovery_codes")).first(),
        "mails": mail_settings(user),
        "now": timezone.now(),
    }
    return render(request, "accounts/account.html", context, status=status)
