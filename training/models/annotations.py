"""What people call runs and say of them."""

from django.db import models
from django.db.models import Q


class Description(models.Model):
    """What people call a run and say of it. Apart from the run, whose own row never changes once it has ended."""

    run = models.OneToOneField(
        "training.TrainingRun", primary_key=True, on_delete=models.CASCADE, related_name="description"
    )
    name = models.CharField(max_length=80, blank=True)
    notes = models.TextField(blank=True)
    pinned = models.BooleanField(default=False)  # kept by retention and by bulk deletion

    class Meta:
        indexes = [models.Index(fields=["run"], condition=Q(pinned=True), name="description_pinned")]

    def __str__(self) -> str:
        return self.name or str(self.run_id)


class RunTag(models.Model):
    """A word that runs are found by, in small letters."""

    run = models.ForeignKey("training.TrainingRun", on_delete=models.CASCADE, related_name="tags")
    text = models.CharField(max_length=30)

    class Meta:
        ordering = ["text"]
        indexes = [models.Index(fields=["text", "-run"], name="tag_runs")]
        constraints = [models.UniqueConstraint(fields=["run", "text"], name="tag_once")]

    def __str__(self) -> str:
        return self.text
