from django.urls import path

from boursomatic.notices import views

urlpatterns = [
    path("notices/", views.notices, name="notices"),
    path("notices/seen", views.notices_seen, name="notices-seen"),
    path("account/notices/", views.mail_choices, name="mail-choices"),
]
