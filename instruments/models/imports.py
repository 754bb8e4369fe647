"""Where bars come from: how files are read, sources that are asked, files on their way in."""

from uuid import uuid4

from django.conf import settings
from django.db import models


class ReadingSettings(models.Model):
    """How files of a kind are read, kept by name: `options` as of an upload, without its symbol."""

    name = models.CharField(max_length=40, unique=True)
    options = models.JSONField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "reading settings"

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """Where bars of instruments can be asked for again and again: a kind (instruments.sources), its options, its key.

    The key is encrypted (boursomatic.shared.secrets) and leaves the platform towards its vendor alone; "" where the
    source has none. `name` is what its bars are stored under. `symbols` has instruments that it serves whatever their
    bars are from: symbol -> what the source calls it.
    """

    name = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=20)
    options = models.JSONField(default=dict)
    symbols = models.JSONField(default=dict)
    sealed_key = models.TextField(blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """Files that a manager sent, staged until `expires_at`: looked at first, then stored as bars or forgotten.

    `files` are their names and sizes in bytes. They may be read several times, as `options` say; `readings` counts how
    often, `read_from` is when the last one began. What it found lies beside the files in the artifact storage.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    files = models.JSONField()
    options = models.JSONField(default=dict)
    readings = models.PositiveIntegerField(default=0)
    read_from = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return ", ".join(file["name"] for file in self.files[:3])
