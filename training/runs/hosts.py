"""What people tell hosts: to take nothing more, and to go on."""

from django.contrib.auth.models import User
from django.db import transaction

from boursomatic.accounts.audit import audit
from training.models import WorkerHost
from training.queue import hosts


def host_drain(name: str, *, drain: bool, user: User) -> bool:
    """From now on the host finishes what it holds and takes nothing more; or it takes runs again. False where that was
    so before. Raises WorkerHost.DoesNotExist."""
    with transaction.atomic():
        WorkerHost.objects.get(name=name)
        is_new = hosts.drained_set(name, drain=drain)
        if is_new:
            audit(user, "host.drain" if drain else "host.resume", name)
    return is_new
