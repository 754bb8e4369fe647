"""What may go wrong with a source, told apart by what helps: wait, come back, another key, or somebody who looks.

Every text is for people: a sentence that says what happened, without addresses that may hold a key.
"""

import re
from urllib.parse import quote, quote_plus

_LONGEST = 300  # characters of what a vendor says
_HIDDEN = "…"
_OF_QUOTAS = re.compile(r"\b(limit|quota|allocation|run over|exceeded|too many|call frequency)", re.IGNORECASE)


class SourceError(Exception):
    """A source gave no bars; the text says why."""


class RateLimited(SourceError):
    """Too many calls, or a quota is used up. `retry_after`: seconds after which to ask again, None where not told."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(text)


class SourceDown(SourceError):
    """It doesn't answer, not in time, not to the end, or with a fault of its own: asking later may help."""


class BadAnswer(SourceError):
    """An answer that isn't bars: asking again gives the same."""


class NoRows(BadAnswer):
    """It has no rows of that time."""


class WrongSymbol(BadAnswer):
    """Bars of another instrument than was asked for."""


class UnknownSymbol(BadAnswer):
    """The source has no such instrument."""


class KeyRefused(SourceError):
    """The key is wrong, missing, or doesn't cover what was asked."""


class AddressRefused(SourceError):
    """An address that servers here may not call."""


def refusal(who: str, said: str) -> SourceError:
    """The error for a text where data should be, with status 200: a quota that is used up, or anything else."""
    kind = RateLimited if _OF_QUOTAS.search(said) else BadAnswer
    return kind(f"{who} gave no data but {said}.")


def quoted(text: str, secret: str = "") -> str:
    """What a vendor said, in one line, without the key and with marks taken out of HTML."""
    plain = " ".join(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE).split())
    return without_secret(plain, secret)[:_LONGEST]


def without_secret(text: str, secret: str) -> str:
    """The text with the key in every spelling that addresses give it replaced: vendors repeat it in their answers."""
    for spelling in {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)} - {""}:
        text = text.replace(spelling, _HIDDEN)
    return text
