from django.urls import path

from boursomatic.accounts import views, views_audit, views_members, views_second_factor

urlpatterns = [
    path("login/", views.login, name="login"),
    path("login/code/", views.login_code, name="login-code"),
    path("logout/", views.logout, name="logout"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
    path("account/second-factor/", views_second_factor.set_up, name="second-factor"),
    path("account/second-factor/codes/", views_second_factor.new_codes, name="second-factor-codes"),
    path("account/second-factor/off/", views_second_factor.turn_off, name="second-factor-off"),
    path("account/tokens/", views.token_new, name="token-new"),
    path("account/tokens/revoke/", views.tokens_end, name="tokens-revoke"),
    path("account/sessions/end/", views.logout_everywhere, name="logout-everywhere"),
    path("account/tokens/<slug:digest>/revoke/", views.token_end, name="token-revoke"),
    path("account/columns/<slug:table>/", views.table_columns, name="table-columns"),
    path("invitation/<str:uidb64>/<str:token>/", views.invitation, name="invitation"),
    path("password/<str:uidb64>/<str:token>/", views.password_reset, name="password-reset"),
    path("audit/", views_audit.audit_log, name="audit"),
    path("members/", views_members.members, name="members"),
    path("members/invite", views_members.invite, name="member-invite"),
    path("members/<int:number>/change", views_members.member_change, name="member-change"),
]
