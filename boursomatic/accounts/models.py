"""People's tokens and the record of what was done by whom."""

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # knox ships no types
    """A token for programs: stored hashed (knox), expires, and carries scopes (boursomatic.accounts.roles.Scope)."""

    name = models.CharField(max_length=80, blank=True)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created"]


class AuditEntry(models.Model):
    """Who did what to which thing, and why. Append-only."""

    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=60)  # <noun>.<verb>, as run.create
    subject = models.CharField(max_length=120)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class HiddenColumns(models.Model):
    """The columns that a person doesn't want to see in a table of this name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    table = models.CharField(max_length=20)
    names = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "table"], name="hidden_columns_once")]

    def __str__(self) -> str:
        return f"{self.table}: {', '.join(self.names)}"


class GuessCount(models.Model):
    """Guesses at a password by one of those whom `boursomatic.accounts.guesses` counts; forgotten when it expires."""

    key = models.CharField(max_length=64, primary_key=True)  # a keyed hash: a password may be typed as the name
    count = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)  # none before
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} until {self.expires_at:%Y-%m-%d %H:%M}"
