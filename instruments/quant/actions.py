"""Corporate actions, as sources tell them: what changes a price without anybody trading, and what prices say of it."""

from dataclasses import dataclass
from enum import StrEnum

SPLIT, DIVIDEND = "split", "dividend"


class Prices(StrEnum):
    """What open, high, low and close of a source are adjusted for; an adjusted close beside them may be more."""

    AS_TRADED = "as_traded"
    SPLIT = "split"
    SPLIT_DIVIDEND = "split_dividend"

    @property
    def label(self) -> str:
        return _PRICES_IN_WORDS[self]


_PRICES_IN_WORDS = {
    Prices.AS_TRADED: "as traded",
    Prices.SPLIT: "adjusted for splits",
    Prices.SPLIT_DIVIDEND: "adjusted for splits and dividends",
}


@dataclass(frozen=True)
class Action:
    """A split or a cash dividend; `ex_day` (YYYY-MM-DD) is the first day that trades without it.

    Of a split `ratio` is new shares for one old (4 for 4:1, 0.1 for 1:10), of a dividend `amount` is cash a share as it
    was paid, not adjusted for later splits; the other is None.
    """

    symbol: str
    ex_day: str
    kind: str
    ratio: float | None = None
    amount: float | None = None


def split_factors(days: list[str], actions: list[Action]) -> list[float]:
    """For each of `days` the product of the ratios of later splits: how many of today's shares one share was then.

    A price adjusted for splits times its factor is as it was traded, a volume divided by it.
    """
    splits = [(action.ex_day, action.ratio or 1.0) for action in actions if action.kind == SPLIT]
    factors = []
    for day in days:
        factor = 1.0
        for ex_day, ratio in splits:
            factor *= ratio if ex_day > day else 1.0
        factors.append(factor)
    return factors
