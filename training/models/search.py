"""What searches have looked at: no p-value is computed on a row that the search saw. PROTOCOL §7."""

from django.db import models

from instruments.models import Series


class Searched(models.Model):
    """A configuration that a completed search looked at, and the last outcome it saw. Append-only: deleting the search
    doesn't make those rows unseen, so it knows the search as a text."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    params_hash = models.CharField(max_length=64)
    seen_until = models.DateTimeField()
    run_id = models.CharField(max_length=40, db_index=True)  # the search's own

    class Meta:
        indexes = [models.Index(fields=["series", "params_hash", "-seen_until"], name="searched_configuration")]
        constraints = [models.UniqueConstraint(fields=["run_id", "series", "params_hash"], name="searched_once")]

    def __str__(self) -> str:
        return f"{self.params_hash[:8]} until {self.seen_until:%Y-%m-%d}"
