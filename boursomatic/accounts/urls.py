from django.urls import path

from boursomatic.accounts import views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
    path("account/tokens/", views.token_new, name="token-new"),
    path("account/tokens/<slug:digest>/revoke/", views.token_end, name="token-revoke"),
    path("account/columns/<slug:table>/", views.table_columns, name="table-columns"),
]
