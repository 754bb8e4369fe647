"""Which rows are trained on, validated on, tested on; purged, so that no outcome reaches into a later part.

A row t is decided at the close of bar t; its outcome is known at the close of bar t + h. Only rows that have an outcome
are numbered: row i of a candle run is bar `CandlePlan.rows[i]`, so that with h = 1 its outcome is known by row i + 1.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

VALIDATION_PERCENT = {"honest": 20, "poc": 15}
MIN_TRAIN_ROWS = 100
MIN_CLASS_ROWS = 10
FOLD_ROWS = 30  # of a fold, at least; before it MIN_TRAIN_ROWS


@dataclass(frozen=True)
class CandleSplit:
    """Half-open ranges of row numbers.

    `fit` is what the early-stopped model learns from, `validation` what stops it (empty where nothing is stopped early:
    then `fit` is `train`), `train` what the final model learns from, `test` what judges it (empty for a live run).
    """

    fit: range
    validation: range
    train: range
    test: range
    horizon: int


def training_start(candle: datetime, years: float) -> datetime:
    """The candle's time less `years`: whole months by the calendar, a rest in days of 30.4375 a month."""
    months = int(years * 12)
    rest = timedelta(days=round((years * 12 - months) * 30.4375))
    total = candle.year * 12 + (candle.month - 1) - months
    year, month = divmod(total, 12)
    day = candle.day
    while True:  # 31 March less one month is 28 or 29 February
        try:
            return candle.replace(year=year, month=month + 1, day=day) - rest
        except ValueError:
            day -= 1


def candle_split(
    *, first: int, decision: int, window: int, protocol: str, stops_early: bool = True, horizon: int = 1, gap: int = 0
) -> CandleSplit:
    """PROTOCOL §1 and §2 where row `decision` is the first one not before it; rows `first` … decision - horizon train.

    The last train outcome becomes known at the decision's own close, the first test decision is taken `gap` rows later.
    Validation is the last 20 % (`poc`: 15 %) of the train rows; rows before it whose outcome is known less than `gap`
    rows before its first decision are dropped. `honest` fits again on all train rows, `poc` keeps the early-stopped
    model. Nothing is held out unless it `stops_early`. Raises ValueError where no row is left to train on.
    """
    train = range(first, decision - horizon + 1)
    percent = VALIDATION_PERCENT[protocol] if stops_early else 0
    held_out = len(train) - len(train) * (100 - percent) // 100
    validation = range(train.stop - held_out, train.stop)
    fit = range(first, validation.start - horizon - gap + 1) if held_out else train
    if len(fit) <= 0:
        raise ValueError("no rows to train on")
    split = CandleSplit(
        fit=fit,
        validation=validation,
        train=fit if protocol == "poc" else train,
        test=range(decision + gap, decision + gap + window),
        horizon=horizon,
    )
    assert_no_leak(split, decision, gap)
    return split


def fold_splits(
    *, first: int, decision: int, folds: int, protocol: str, stops_early: bool = True, gap: int = 0
) -> list[CandleSplit]:
    """Expanding purged folds over the train rows `first` … decision - 1: each tests as many rows of their last half,
    trained as the run is on all rows before it. Fewer than `folds` where not so many have 100 rows before the first
    (and the gap) and 30 in each; none where there would be one only."""
    rows = decision - first
    room = max(0, min(rows // 2, rows - MIN_TRAIN_ROWS - gap))
    count = min(folds, room // FOLD_ROWS)
    if count < 2:
        return []
    size = room // count
    starts = range(decision - count * size, decision, size)
    return [
        candle_split(
            first=first, decision=start - gap, window=size, protocol=protocol, stops_early=stops_early, gap=gap
        )
        for start in starts
    ]


def assert_no_leak(split: CandleSplit, decision: int, gap: int) -> None:
    """PROTOCOL §5.2, checked inside each run; AssertionError stops the run rather than let it tell a lie."""
    for part in (split.fit, split.train, split.validation):
        if len(part) and part[-1] + split.horizon > decision:
            raise AssertionError("an outcome used in training is later than the decision")
    if len(split.validation) and split.fit[-1] + split.horizon + gap > split.validation[0]:
        raise AssertionError("an outcome used in fitting is later than the gap before the first validation decision")
    if len(split.test) and split.train[-1] + split.horizon + gap > split.test[0]:
        raise AssertionError("an outcome used in training is later than the gap before the first test decision")
    if len(split.test) and split.test[0] + split.horizon <= decision:
        raise AssertionError("a test outcome was known at the decision")
