"""Counting carried out."""

from training.recipes.base import Completed, Work


def execute(work: Work) -> Completed:
    total = 0
    for number in range(1, work.spec.to + 1):
        work.progress.stage("count", number / work.spec.to, f"{number} of {work.spec.to}")
        total += number
    return Completed(result={"sentence": f"The sum is {total}.", "total": total})
