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
    """Who did what to which thing, and why. Append-only, by triggers (`append_only`), and chained (`chain`)."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=60)  # <noun>.<verb>, as run.create
    subject = models.CharField(max_length=120)
    details = models.JSONField(default=dict)
    number = models.BigIntegerField(null=True, unique=True)  # in the chain, from 1 without a gap; None: not yet in it
    hash = models.CharField(max_length=64, default="", db_default="")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["id"], condition=models.Q(number=None), name="audit_not_chained")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

    @property
    def details_text(self) -> str:
        """As a person reads it, without what is empty."""
        lists = {name: value if isinstance(value, list) else [value] for name, value in self.details.items()}
        texts = {name: ", ".join(str(each) for each in values if each is not None) for name, values in lists.items()}
        return "; ".join(f"{name}: {text}" for name, text in texts.items() if text)


class AuditHead(models.Model):
    """The chain's last number and hash, in one row, which is locked by whoever adds to the chain."""

    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class FailedLogin(models.Model):
    """Wrong passwords of one minute, for one name from one address: an entry of the audit when it is over."""

    minute = models.DateTimeField()
    name = models.CharField(max_length=150, blank=True)  # "": a name that nobody has; it may be a password
    address = models.CharField(max_length=45, blank=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["minute", "name", "address"], name="failed_logins_once")]

    def __str__(self) -> str:
        return f"{self.count} for {self.name or 'an unknown name'} from {self.address}"


class SecondFactor(models.Model):
    """What a member proves to have besides the password; there is a row once an app's code has proved it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor")
    sealed_secret = models.CharField(max_length=255)
    last_step = models.BigIntegerField()  # of the last code that was used; neither it nor one before opens anything
    since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.user} since {self.since:%Y-%m-%d}"


class RecoveryCode(models.Model):
    """Opens an account once without its app: stored as a hash, deleted when it is used."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["factor", "digest"], name="recovery_codes_once")]

    def __str__(self) -> str:
        return f"of {self.factor}"


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
