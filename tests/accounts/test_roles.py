from itertools import pairwise

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from boursomatic.accounts.roles import SCOPES, Role, Scope, may, may_change_run_of, role_of

pytestmark = pytest.mark.db_both


def test_it_knows_each_persons_role(alice: User, bob: User, carol: User, dave: User, stranger: User) -> None:
    assert [role_of(person) for person in (bob, alice, carol, dave)] == list(Role)
    assert role_of(stranger) is None
    assert role_of(AnonymousUser()) is None


def test_it_takes_the_highest_of_several_roles(bob: User) -> None:
    bob.groups.add(Group.objects.get_or_create(name="manager")[0])
    assert role_of(bob) is Role.MANAGER


def test_it_counts_a_superuser_as_admin_and_an_inactive_member_as_nobody(alice: User) -> None:
    root = User.objects.create_superuser("root", password="x")
    assert role_of(root) is Role.ADMIN
    alice.is_active = False
    assert role_of(alice) is None


def test_it_has_a_group_for_every_role_after_the_migrations(db: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(Role.values)


def test_it_gives_every_role_what_the_one_below_it_has() -> None:
    steps = list(Role)
    for lower, higher in pairwise(steps):
        assert SCOPES[lower] <= SCOPES[higher]


def test_it_lets_viewers_look_and_not_train(bob: User, alice: User) -> None:
    assert may(bob, Scope.READ) and may(bob, Scope.PREDICT) and not may(bob, Scope.TRAIN)
    assert may(alice, Scope.TRAIN) and not may(alice, Scope.DATA) and not may(alice, Scope.ACTIVATE)


def test_it_lets_trainers_change_their_own_runs_and_managers_anyones(alice: User, bob: User, carol: User) -> None:
    assert may_change_run_of(alice, alice.pk)
    assert not may_change_run_of(alice, carol.pk)
    assert not may_change_run_of(alice, None)
    assert not may_change_run_of(bob, bob.pk)
    assert may_change_run_of(carol, alice.pk) and may_change_run_of(carol, None)
