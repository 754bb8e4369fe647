"""Outcomes of recommendations written."""

from predictions.models import Recommendation
from predictions.recommendations.score import recommendations_score
from training.recipes.base import Completed, Work


def execute(work: Work) -> Completed:
    work.progress.stage("score", 0.1, "recommendations whose horizon's last bar has come")
    scored, pending = recommendations_score(), Recommendation.objects.pending().count()
    return Completed(
        result={"sentence": f"{scored:,} scored, {pending:,} pending", "scored": scored, "pending": pending}
    )
