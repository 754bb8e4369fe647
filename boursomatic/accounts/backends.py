"""The role admin on the admin site."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from boursomatic.accounts.roles import Person, Role, role_of


class RoleBackend(BaseBackend):
    """Admins may do whatever the admin site offers; Django's single permissions are not used.

    The task queue is to look at only: whoever can schedule a task there can have the server run any function.
    """

    def has_perm(self, user_obj: Person, perm: str, obj: Any = None) -> bool:
        if perm.startswith("django_q.") and not perm.startswith("django_q.view_"):
            return False
        return role_of(user_obj) is Role.ADMIN

    def has_module_perms(self, user_obj: Person, app_label: str) -> bool:
        """Also what a template asks with `perms.accounts`."""
        return role_of(user_obj) is Role.ADMIN
