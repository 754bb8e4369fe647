"""What people should know, what each has seen of it, and who is told by e-mail."""

from urllib.parse import urlencode

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse


class NoticeKind(models.TextChoices):
    """What happened."""

    RUN = "run", "Run ended"
    RECOMMENDATIONS = "recommendations", "New recommendations"
    FEATURES = "features", "Features have drifted"
    SCORES = "scores", "Scores have drifted"
    PRECISION = "precision", "Less precision than predicted"
    STALE = "stale", "Bars are stale"
    ACTIVATION = "activation", "Active model changed"
    ACCOUNT = "account", "Account without a role"
    BACKUP = "backup", "Backup failed"


DRIFT = (NoticeKind.FEATURES, NoticeKind.SCORES, NoticeKind.PRECISION)
OF_MODELS = (*DRIFT, NoticeKind.STALE)  # that models in use are no longer as they were: what BOURSOMATIC_NOTICE_TO gets
OF_ADMINS = {NoticeKind.ACCOUNT: "members", NoticeKind.BACKUP: "backups"}  # nobody else sees them; their pages


class Notice(models.Model):
    """Something that happened: for everybody with a role, for admins, or for one person.

    The subject is a text, so that a notice outlives what it is about.
    """

    kind = models.CharField(max_length=20, choices=NoticeKind.choices)
    subject = models.CharField(max_length=150)  # a model's version, a run's id, a username
    day = models.DateField(null=True)  # of what is noticed once for each day: the newest that it was seen on
    to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    text = models.CharField(max_length=500)
    figures = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["to", "id"], name="notice_person")]
        constraints = [
            models.UniqueConstraint(fields=["subject", "day", "kind"], name="notice_once_a_day"),
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="notice_of_known_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.get_kind_display()}"

    @property
    def is_warning(self) -> bool:
        """Whether somebody should do something about it."""
        return self.kind in (*OF_MODELS, *OF_ADMINS)

    def get_absolute_url(self) -> str:
        """The page of what it is about."""
        if self.kind == NoticeKind.RUN:
            return reverse("run", args=[self.subject])
        if self.kind == NoticeKind.RECOMMENDATIONS:
            return f"{reverse('recommendations')}?{urlencode({'version': self.subject, 'day': self.day})}"
        if self.kind in DRIFT:
            return reverse("drift")
        if self.kind == NoticeKind.STALE and "universe" in self.figures:  # those of before 0.2.0 don't say it
            return reverse("universe", args=[self.figures["universe"]])
        if self.kind in OF_ADMINS:
            return reverse(OF_ADMINS[NoticeKind(self.kind)])
        return reverse("model-gate", args=[self.subject])


class NoticesSeen(models.Model):
    """How far a person has seen the notices: all up to this id."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    upto = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.user_id}: {self.upto}"


class MailChoice(models.Model):
    """A person wants notices of this kind by e-mail, too."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=NoticeKind.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="mail_choice_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.kind}"


class MailState(models.TextChoices):
    """waiting -> sending -> sent | failed; sending -> waiting where the server is known not to have taken it."""

    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class NoticeMail(models.Model):
    """A notice on its way to an address: written with the notice, sent by a worker, at most once."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="mails", db_index=False)
    address = models.EmailField()
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.WAITING)
    due_at = models.DateTimeField()  # not before; of one that is being sent: since when
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["state", "due_at"],
                condition=Q(state__in=(MailState.WAITING, MailState.SENDING)),
                name="notice_mail_open",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["notice", "address"], name="notice_mail_once"),
            models.CheckConstraint(condition=Q(state__in=MailState.values), name="notice_mail_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} to {self.address}"
