from django.urls import path

from boursomatic.accounts import views, views_audit, views_members

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
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
