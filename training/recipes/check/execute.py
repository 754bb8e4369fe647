"""The bars that a check is asked about looked at, and their findings brought up to date."""

from boursomatic.shared.records import to_json
from instruments.health.services import changed_series, checkable_series, series_check
from training.recipes.base import Completed, Work
from training.recipes.check.schema import CheckResult
from training.recipes.check.spec import CHANGED, CheckSpec


def execute(work: Work) -> Completed:
    spec = work.spec
    assert isinstance(spec, CheckSpec)
    work.progress.stage("check", 0.02, "calendars")
    rows = changed_series() if spec.of == CHANGED else checkable_series()
    pks = list(rows.order_by("pk").values_list("pk", flat=True))

    def tell(done: int, todo: int) -> None:
        work.progress.stage("check", 0.05 + 0.9 * done / todo, f"{done:,} of {todo:,} series")

    checked = series_check(pks=pks, on_series=tell)
    changes = checked.changes
    counts = ", ".join(f"{count:,} {severity}" for severity, count in reversed(changes.present.items()))
    sentence = f"{checked.series:,} series checked: {counts}; {changes.new:,} new, {changes.gone:,} gone."
    result = CheckResult(
        sentence=f"{sentence} {checked.problem}".strip(),
        series=checked.series,
        findings=changes.present,
        new=changes.new,
        gone=changes.gone,
    )
    return Completed(result=to_json(result))
