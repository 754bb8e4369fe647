from django.contrib import admin

from boursomatic.accounts.site import HistoryAdmin
from boursomatic.notices.models import Notice, NoticeMail


@admin.register(Notice)
class NoticeAdmin(HistoryAdmin):
    list_display = ("made_at", "kind", "subject", "day", "to", "text")
    list_filter = ("kind", "made_at")
    list_select_related = ("to",)
    search_fields = ("subject", "text")


@admin.register(NoticeMail)
class NoticeMailAdmin(HistoryAdmin):
    """Which mails were sent, and which could not be."""

    list_display = ("notice", "address", "state", "due_at", "problem")
    list_filter = ("state", "due_at")
    list_select_related = ("notice",)
    search_fields = ("address",)
