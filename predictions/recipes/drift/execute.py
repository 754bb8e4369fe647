"""Active models looked at for drift."""

from predictions.recommendations.drift import drift_notice
from training.recipes.base import Completed, Work


def execute(work: Work) -> Completed:
    work.progress.stage("drift", 0.1, "every active model")
    reports, notices = drift_notice()
    sentence = f"{len(reports)} models looked at, {len(notices)} new notices"
    return Completed(result={"sentence": sentence, "models": len(reports), "notices": len(notices)})
