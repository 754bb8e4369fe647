"""Limits on guessing passwords: by address over all names, by name with a growing delay, and a lock for nobody else.

Who knows the password gets in: at once from a browser that has logged in before, whatever others guess meanwhile; from
elsewhere after LONGEST_DELAY_S at most, since each address waits for itself. Names that nobody has are treated alike.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TypeVar

from django.db.models import F, Q
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from boursomatic.accounts.client_address import client_address
from boursomatic.accounts.failed_logins import failed_login_note
from boursomatic.accounts.hashing import HashingBusy, queue
from boursomatic.accounts.known_browsers import browser_number
from boursomatic.accounts.models import GuessCount
from boursomatic.shared.clock import time_of_day
from boursomatic.shared.secrets import SealBroken

ADDRESS_LIMIT = 30  # wrong guesses from an address within WINDOW, whatever the names
BROWSER_LIMIT = 10  # and in a known browser, which then counts as any other
WINDOW = timedelta(minutes=15)
CODE_LIMIT = 10  # wrong codes for a name within NAME_WINDOW, from anywhere: of a million three are right
FREE_GUESSES = 5  # at a name within NAME_WINDOW; from then on each costs a delay, 1, 2, 4 … seconds
NAME_WINDOW = timedelta(hours=1)
LONGEST_DELAY_S = 60
SET_BACK = NAME_WINDOW + timedelta(minutes=5)  # what ends later was counted before the clock was set back

Result = TypeVar("Result")


class GuessRefused(Exception):
    """Nothing was checked; the text says so in words."""

    def __init__(self, sentence: str, *, wait_s: int, code: int) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s
        self.code = code


@dataclass(frozen=True)
class Guesser:
    """Keys of what a guess counts against; `browser` is "" unless it is known to be the name's own."""

    address: str
    name: str
    code: str
    pair: str
    browser: str

    @classmethod
    def of(cls, request: HttpRequest, name: str) -> "Guesser":
        address, name_key = _network(client_address(request)), key_of_name(name)
        number = browser_number(request, name_key)
        browser = _key("browser", number, name_key) if number else ""
        pair, code = _key("pair", address, name_key), _key("code", name_key)
        return cls(_key("address", address), name_key, code, pair, browser)


def guess(request: HttpRequest, name: str, check: Callable[[], Result]) -> Result:
    """What `check`, which hashes a password, returns; counted as a wrong guess if that is false. Raises GuessRefused.

    Counted before it is checked: of many guesses at the same moment not all may pass.
    """
    guesser = Guesser.of(request, name)
    is_known = _admit(guesser)
    try:
        with queue.turn(is_known=is_known):  # counted within: a flood that finds it full writes nothing
            counted = _count(guesser, is_known=is_known)
            result = check()
    except HashingBusy:
        sentence = "Too many people are logging in at this moment. Try again in a few seconds."
        raise GuessRefused(sentence, wait_s=5, code=503) from None
    if result:
        _uncount(counted)
        GuessCount.objects.filter(key=guesser.pair).delete()
    else:
        failed_login_note(name, client_address(request))
    return result


def guess_code(request: HttpRequest, name: str, check: Callable[[], bool]) -> bool:
    """The same for codes of a second factor, which are few, and which only who has the password may guess.

    So their limit holds over all addresses and browsers: no stranger can use it up, and whoever has the password can
    make any number of browsers known. Nothing is hashed, so there is no queue.
    """
    counted = _count_code(Guesser.of(request, name))
    try:
        is_right = check()
    except SealBroken:  # no guess: nothing could be compared
        _uncount(counted)
        raise
    if is_right:
        _uncount(counted)
    return is_right


def guesses_forget(request: HttpRequest, name: str) -> None:
    """For who has chosen a new password: the name costs no delay any more."""
    guesser = Guesser.of(request, name)
    GuessCount.objects.filter(key__in=[guesser.name, guesser.code, guesser.pair]).delete()


def key_of_name(name: str) -> str:
    return _key("name", name.casefold())


def delay_s(wrong: int) -> int:
    """How long an address waits after so many wrong guesses at a name."""
    return 0 if wrong < FREE_GUESSES else min(LONGEST_DELAY_S, 2 ** min(wrong - FREE_GUESSES, 16))


def _admit(guesser: Guesser) -> bool:
    """Whether it counts as the name's own browser. Raises GuessRefused; only reads, as a flood is refused here."""
    now = time_of_day()
    rows = _rows(guesser, now)
    is_known = bool(guesser.browser) and _wrong(rows, guesser.browser) < BROWSER_LIMIT
    if not is_known:
        _check_wait(rows, guesser, now)
    return is_known


def _count(guesser: Guesser, *, is_known: bool) -> list[str]:
    """The keys that the guess was counted at. Raises GuessRefused; a refused guess counts nowhere."""
    now = time_of_day()
    _forget_expired(now)
    if is_known and _take(guesser.browser, BROWSER_LIMIT, now):
        return [guesser.browser]
    if not _take(guesser.address, ADDRESS_LIMIT, now):
        raise _too_many(WINDOW)
    wrong = _wrong(_rows(guesser, now), guesser.name)
    if not _wait_out(guesser.pair, wrong, now):
        _uncount([guesser.address])
        raise _too_many(timedelta(seconds=delay_s(wrong)))
    _take(guesser.name, None, now, NAME_WINDOW)
    return [guesser.address, guesser.name]


def _count_code(guesser: Guesser) -> list[str]:
    """The keys that the guess was counted at. Raises GuessRefused; a refused guess counts nowhere."""
    now = time_of_day()
    _forget_expired(now)
    counted: list[str] = []
    for key, limit, window in ((guesser.address, ADDRESS_LIMIT, WINDOW), (guesser.code, CODE_LIMIT, NAME_WINDOW)):
        if not _take(key, limit, now, window):
            _uncount(counted)
            ends = GuessCount.objects.filter(key=key).values_list("expires_at", flat=True).first() or now
            raise _too_many(ends - now, "codes")
        counted.append(key)
    return counted


def _rows(guesser: Guesser, now: datetime) -> dict[str, GuessCount]:
    keys = [guesser.address, guesser.name, guesser.pair, guesser.browser]
    return GuessCount.objects.filter(_is_current(now)).in_bulk(keys)


def _forget_expired(now: datetime) -> None:
    GuessCount.objects.exclude(_is_current(now)).delete()


def _is_current(now: datetime) -> Q:
    return Q(expires_at__gt=now, expires_at__lte=now + SET_BACK)


def _check_wait(rows: dict[str, GuessCount], guesser: Guesser, now: datetime) -> None:
    pair = rows.get(guesser.pair)
    if _wrong(rows, guesser.address) >= ADDRESS_LIMIT:
        raise _too_many(rows[guesser.address].expires_at - now)
    if pair and pair.next_at and pair.next_at > now:
        raise _too_many(pair.next_at - now)


def _wrong(rows: dict[str, GuessCount], key: str) -> int:
    return rows[key].count if key in rows else 0


def _take(key: str, limit: int | None, now: datetime, window: timedelta = WINDOW) -> bool:
    """Counts one more, unless there are `limit`. Without a limit each begins the window anew, else the first does."""
    ends = now + window
    GuessCount.objects.get_or_create(key=key, defaults={"expires_at": ends})
    counts = GuessCount.objects.filter(key=key)
    if limit is None:
        return bool(counts.update(count=F("count") + 1, expires_at=ends))
    return bool(counts.filter(count__lt=limit).update(count=F("count") + 1))


def _wait_out(pair: str, wrong: int, now: datetime) -> bool:
    """Whether this address's delay at the name is over; then, and for who is new here, the next begins."""
    if not delay_s(wrong + 1):
        return True
    later = {
        "next_at": now + timedelta(seconds=delay_s(wrong + 1)),
        "expires_at": now + NAME_WINDOW,
    }
    if not delay_s(wrong):
        GuessCount.objects.update_or_create(key=pair, defaults=later)
        return True
    if GuessCount.objects.filter(key=pair, next_at__lte=now).update(**later):
        return True
    GuessCount.objects.get_or_create(key=pair, defaults=later | {"next_at": now + timedelta(seconds=delay_s(wrong))})
    return False


def _uncount(keys: list[str]) -> None:
    GuessCount.objects.filter(key__in=keys, count__gt=0).update(count=F("count") - 1)


def _too_many(wait: timedelta, what: str = "passwords") -> GuessRefused:
    seconds = max(1, math.ceil(wait.total_seconds()))
    text = f"{seconds} second{'s' if seconds > 1 else ''}" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    sentence = f"There were too many wrong {what}. Wait {text}, then try again."
    return GuessRefused(sentence, wait_s=seconds, code=429)


def _network(address: str) -> str:
    """An IPv6 address stands for its /64: whoever has one has all of them."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _key(*parts: str) -> str:
    return salted_hmac("boursomatic.accounts.guesses", "\0".join(parts), algorithm="sha256").hexdigest()
