from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AccountsConfig(AppConfig):
    name = "boursomatic.accounts"


class SiteConfig(admin.AdminConfig):
    """django.contrib.admin with our own site in place of its default one."""

    default = False  # named in settings; "boursomatic.accounts" alone means the config above
    default_site = "boursomatic.accounts.site.Site"
