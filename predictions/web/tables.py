"""The columns of the tables of schedules, of the scorecard's months, and of a universe's members."""

from dataclasses import dataclass, replace

from boursomatic.shared.tables import BY_VALUE, Column, Order, Table, TableName, sorted_lines
from instruments.models import Series
from predictions.models import Schedule
from predictions.recommendations.scorecard import Delivered, Month
from predictions.schedules.plan import PLAN, PlannedJob
from predictions.web.forms import DelayForm, ScheduleForm
from training.models import TrainingRun
from training.recipes.kinds import label_of


@dataclass(frozen=True)
class ScheduleLine:
    """A schedule and its last run. It is moving while it is due or at work."""

    schedule: Schedule
    form: ScheduleForm | DelayForm
    run: TrainingRun | None
    is_moving: bool

    @property
    def job(self) -> PlannedJob:
        return PLAN[self.schedule.job]

    @property
    def universe(self) -> str:
        return "all" if self.job.covers_all else self.schedule.universe

    @property
    def at(self) -> str:
        """Its time of day, or what it waits for."""
        at = self.schedule.time_of_day
        return f"{at:%H:%M}" if at else f"close + {self.schedule.delay_minutes} min"

    @property
    def state(self) -> str:
        """As the page says it."""
        if self.is_moving:
            return self.run.get_status_display().lower() if self.run and not self.run.is_terminal else "due"
        if not self.schedule.enabled:
            return "off"
        return "stale" if self.is_stale else "on"

    @property
    def is_stale(self) -> bool:
        """Whether its last run spoke on bars that are too old to act on."""
        return self.run is not None and bool(self.run.result.get("is_stale"))

    @property
    def result(self) -> str:
        return str(self.run.error or self.run.result.get("sentence", "") or self.run.message) if self.run else ""


SCHEDULES = Table[ScheduleLine](
    name=TableName.SCHEDULES,
    columns=(
        Column("job", "Job", lambda line: label_of(line.schedule.job), sort=BY_VALUE),
        Column("universe", "Universe", lambda line: line.universe, sort=BY_VALUE),
        Column("state", "State", lambda line: line.state, sort=BY_VALUE),
        Column(
            "next",
            "Next run (UTC)",
            lambda line: line.schedule.next_run_at if line.schedule.enabled else None,
            sort=BY_VALUE,
        ),
        Column(
            "last",
            "Last run (UTC)",
            lambda line: line.run.created_at if line.run else None,
            sort=BY_VALUE,
            begins_high=True,
        ),
        Column("result", "Result", lambda line: line.result, sort=BY_VALUE),
    ),
    more=(
        Column("at", "At (UTC)", lambda line: line.at),
        Column("source", "Source", lambda line: line.schedule.source),
        Column("every_days", "Every … days", lambda line: line.schedule.every_days),
        Column("run", "Run", lambda line: line.schedule.run_id),
    ),
)


@dataclass(frozen=True)
class MonthLine:
    """A month of a model's scorecard; shares and returns are fractions."""

    delivered: Delivered
    month: Month
    is_replay: bool


SCORECARD = Table[MonthLine](
    name=TableName.SCORECARD,
    columns=(
        Column("month", "Month", lambda line: f"{line.month.first:%Y-%m}", sort=BY_VALUE, begins_high=True),
        Column("days", "Days", lambda line: line.month.card.days, sort=BY_VALUE, is_number=True),
        Column("scored", "Scored", lambda line: line.month.card.scored, sort=BY_VALUE, is_number=True),
        Column("buys", "BUYs", lambda line: line.month.card.buys, sort=BY_VALUE, is_number=True),
        Column("predicted", "Predicted, %", lambda line: line.month.card.promised, sort=BY_VALUE, is_number=True),
        Column("realised", "Realised, %", lambda line: line.month.card.delivered, sort=BY_VALUE, is_number=True),
        Column("base_rate", "Base rate, %", lambda line: line.month.card.base_rate, sort=BY_VALUE, is_number=True),
        Column("return", "Return of BUYs, %", lambda line: line.month.card.earned, sort=BY_VALUE, is_number=True),
    ),
    more=(
        Column("model", "Model", lambda line: line.delivered.version),
        Column("replay", "Replay", lambda line: "yes" if line.is_replay else "no"),
    ),
)


def month_lines(delivered: Delivered, *, is_replay: bool) -> list[MonthLine]:
    return [MonthLine(delivered, month, is_replay) for month in delivered.months]


def sort_months(delivered: Delivered, order: Order) -> Delivered:
    """With its table in this order; the picture stays."""
    lines = sorted_lines(SCORECARD, month_lines(delivered, is_replay=False), order)
    return replace(delivered, months=[line.month for line in lines])


def _dates(series: Series) -> str:
    """Of a member, as `universe_members` reads it; empty where it always is one."""
    return ", ".join(member.dates for member in getattr(series.instrument, "stretches", ()) if member.dates)


MEMBERS = Table[Series](
    name=TableName.MEMBERS,
    columns=(
        Column("symbol", "Symbol", lambda series: series.instrument.symbol, sort="instrument__symbol"),
        Column("name", "Name", lambda series: series.instrument.name, sort="instrument__name"),
        Column("bars", "Bars", lambda series: series.rows, sort="rows", is_number=True),
        Column("first", "First (UTC)", lambda series: series.first, sort="first"),
        Column("last", "Last (UTC)", lambda series: series.last, sort="last"),
        Column("member", "Member", _dates, title="Of a universe with dates: both days included"),
    ),
    order="instrument__symbol",
    size=100,
)
