"""What sweeps work out piece by piece."""

from django.db import models

from training.models.runs import TrainingRun


class SweepCell(models.Model):
    """A finished cell of a sweep, written under the lease of the chunk that it belongs to: a chunk that starts again
    leaves out those that are there. The cell's bytes are `training.quant.search.cells.Cell`; the other columns repeat
    of it what the map shows."""

    sweep = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="cells", db_index=False)
    number = models.PositiveIntegerField()  # from 0 on, candle by candle
    auc = models.FloatField(null=True)  # None: failed, or all test candles went the same way
    rows = models.PositiveIntegerField()  # test candles
    problem = models.TextField(blank=True)  # why it failed, in a sentence
    content = models.BinaryField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["sweep", "number"], name="sweep_cell_once")]

    def __str__(self) -> str:
        return f"cell {self.number} of {self.sweep_id}"
