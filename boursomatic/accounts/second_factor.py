"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for who has lost it.

The secret is encrypted where it is stored (boursomatic.shared.secrets). Recovery codes are stored as SHA-256: 80 random
bits can't be guessed from it, and, unlike the secret, they open the account under another SECRET_KEY too.
"""

import base64
import hashlib
import logging
import re
import secrets
from functools import partial

import pyotp
from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from boursomatic.accounts.audit import audit
from boursomatic.accounts.client_address import client_address
from boursomatic.accounts.guesses import guess_code
from boursomatic.accounts.mail import mail_send
from boursomatic.accounts.models import RecoveryCode, SecondFactor
from boursomatic.accounts.roles import Person, Role, role_of
from boursomatic.shared.secrets import seal, unseal

RECOVERY_CODES = 10
RECOVERY_BYTES = 10
ISSUER = "Boursomatic"
OFFER_SALT = "boursomatic.accounts.second_factor.offer"
OFFER_S = 3600
APP_CODE = re.compile("[0-9]{6}")

log = logging.getLogger("boursomatic.second_factor")


def has_second_factor(user: User) -> bool:
    return SecondFactor.objects.filter(user=user).exists()


def must_set_up(user: User) -> bool:
    """Whether BOURSOMATIC_MFA_REQUIRED means this person, who has no second factor yet."""
    is_meant = settings.MFA_REQUIRED == "everyone" or (
        settings.MFA_REQUIRED == "admins" and role_of(user) is Role.ADMIN
    )
    return is_meant and not has_second_factor(user)


def secret_offer(user: User, secret: str) -> str:
    """What the form that sets it up carries, so that a look at the page stores nothing: this member's for an hour."""
    return signing.dumps([user.pk, secret], salt=OFFER_SALT)


def offered_secret(user: User, offer: str) -> str:
    """The secret of an offer to this member, a new one where there is none or it has expired."""
    try:
        pk, secret = signing.loads(offer, salt=OFFER_SALT, max_age=OFFER_S)
    except signing.BadSignature:
        return pyotp.random_base32()
    return str(secret) if pk == user.pk else pyotp.random_base32()


def setup_address(user: User, secret: str) -> str:
    """What the QR code says: an address that authenticator apps read."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name=ISSUER)


def typed_code(text: str) -> str:
    """As it is compared: people type blanks, hyphens and capitals."""
    return re.sub(r"[\s-]", "", text).lower()


def matching_step(secret: str, text: str) -> int | None:
    """The step of 30 s whose code this is: now's, or one of its neighbours', as clocks differ."""
    totp, code = pyotp.TOTP(secret), typed_code(text)
    now = totp.timecode(timezone.now())
    return next(
        (step for step in (now - 1, now, now + 1) if constant_time_compare(totp.generate_otp(step), code)), None
    )


def second_factor_turn_on(*, user: User, secret: str, step: int) -> list[str]:
    """The recovery codes, which can't be had again; none if it was on already. `step` is of the code that proved it."""
    with transaction.atomic():
        values = {"sealed_secret": seal(secret), "last_step": step}
        factor, is_new = SecondFactor.objects.get_or_create(user=user, defaults=values)
        if not is_new:
            return []
        _note(user, user, "second_factor.on", "The second factor of your account was turned on.")
        return _recovery_codes_make(factor)


def recovery_codes_renew(*, user: User) -> list[str]:
    """New ones, which can't be had again; those of before open nothing any more."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().get(user=user)
        factor.recovery_codes.all().delete()
        _note(user, user, "second_factor.codes", "New recovery codes of your account were made.")
        return _recovery_codes_make(factor)


def second_factor_turn_off(*, user: User) -> None:
    with transaction.atomic():
        SecondFactor.objects.filter(user=user).delete()
        _note(user, user, "second_factor.off", "The second factor of your account was turned off.")


def second_factor_reset(*, user: User, by: Person | None) -> bool:
    """For who has lost device and codes: the password is enough from now on. Whether there was one."""
    with transaction.atomic():
        if not SecondFactor.objects.filter(user=user).delete()[0]:
            return False
        _note(by, user, "second_factor.reset", "An admin has reset the second factor of your account.")
    return True


def code_guess(request: HttpRequest, user: User, text: str) -> bool:
    """Whether this is a code of the member's app or a recovery code. Raises GuessRefused, and SealBroken where
    SECRET_KEY has changed."""
    address = client_address(request)
    is_right = guess_code(request, user.get_username(), lambda: _code_use(user, typed_code(text), address))
    if not is_right:
        audit(None, "second_factor.refuse", user.get_username(), address=address)
        log.warning("second_factor.refuse of %s from %s", user.get_username(), address or "an unknown address")
    return is_right


def _code_use(user: User, code: str, address: str) -> bool:
    """Each opens something once: of two requests with the same code the database lets one write."""
    if not APP_CODE.fullmatch(code):
        return _recovery_code_use(user, code, address)
    factor = SecondFactor.objects.filter(user=user).first()
    step = matching_step(unseal(factor.sealed_secret), code) if factor else None
    if step is None:
        return False
    return bool(SecondFactor.objects.filter(user=user, last_step__lt=step).update(last_step=step))


def _recovery_code_use(user: User, code: str, address: str) -> bool:
    with transaction.atomic():
        codes = RecoveryCode.objects.filter(factor__user=user)
        if not codes.filter(digest=_digest(user, code)).delete()[0]:
            return False
        sentence = "A recovery code of your account was used."
        _note(user, user, "second_factor.recovery", sentence, address=address, left=codes.count())
    return True


def _recovery_codes_make(factor: SecondFactor) -> list[str]:
    texts = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(factor=factor, digest=_digest(factor.user, text)) for text in texts)
    return ["-".join(re.findall("....", text)) for text in texts]


def _digest(user: User, code: str) -> str:
    return hashlib.sha256(f"{user.pk}:{code}".encode()).hexdigest()


def _note(by: Person | None, user: User, action: str, sentence: str, **details: object) -> None:
    """In the audit, in the log, and to the member by e-mail."""
    audit(by, action, user.get_username(), **details)
    log.info("%s of %s by %s", action, user.get_username(), by.get_username() if by else "a command")
    text = f"{sentence}\n\nIf you don't know of it, change your password and tell an admin.\n"
    mail = partial(mail_send, address=user.email, subject="Your account of Boursomatic", text=text)
    transaction.on_commit(mail, robust=True)
