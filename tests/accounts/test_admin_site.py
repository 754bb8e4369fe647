import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from boursomatic.accounts.audit import audit
from boursomatic.accounts.models import ApiToken, AuditEntry
from boursomatic.accounts.roles import Role, role_of
from boursomatic.accounts.tokens import token_create
from tests.market import make_series
from tests.people import PASSWORD, BrowserOf
from tests.training.run_builders import make_model, make_run
from training.models import RunEvent, Status, TrainingRun

pytestmark = pytest.mark.db_both
OURS = ("accounts", "auth", "training", "predictions")
MODELS = [model for model in admin.site._registry if model._meta.app_label in OURS]
HISTORY = ["accounts_auditentry", "accounts_apitoken", "training_trainingrun", "training_runevent"]


def _name(model: type) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"  # type: ignore[attr-defined]


@pytest.fixture
def something(alice: User) -> None:
    run = make_run(alice, series=make_series(bars=5), status=Status.COMPLETED)
    make_model(run)
    RunEvent.objects.create(run=run, at=run.created_at, stage="fit", text="Fitted.")
    token_create(user=alice, name="nightly")


@pytest.mark.parametrize("model", MODELS, ids=_name)
def test_it_lists_searches_and_shows_everything(
    dave: User, something: None, browser_of: BrowserOf, model: type
) -> None:
    browser = browser_of(dave)
    listed = browser.get(reverse(f"admin:{_name(model)}_changelist"), {"q": "a"})
    assert listed.status_code == 200
    first = model._default_manager.first()  # type: ignore[attr-defined]
    if first is not None:
        assert browser.get(reverse(f"admin:{_name(model)}_change", args=[first.pk])).status_code == 200


@pytest.mark.parametrize("name", [*HISTORY, "training_modelversion"])
def test_it_changes_no_history(dave: User, something: None, browser_of: BrowserOf, name: str) -> None:
    browser = browser_of(dave)
    assert browser.get(reverse(f"admin:{name}_add")).status_code == 403
    first = next(m for m in MODELS if _name(m) == name)._default_manager.first()
    assert browser.post(reverse(f"admin:{name}_change", args=[first.pk]), {}).status_code == 403
    assert browser.post(reverse(f"admin:{name}_delete", args=[first.pk]), {"post": "yes"}).status_code == 403


def test_it_works_under_the_strict_policy(dave: User, something: None, browser_of: BrowserOf) -> None:
    browser = browser_of(dave)
    for address in (
        "/admin/",
        "/admin/auth/user/",
        f"/admin/auth/user/{dave.pk}/change/",
        "/admin/training/trainingrun/",
    ):
        page = browser.get(address)
        assert "unsafe" not in page["Content-Security-Policy"]
        assert "<script>" not in page.text and " onclick=" not in page.text and " style=" not in page.text, address


def test_it_gives_a_member_a_role_and_notes_it(dave: User, stranger: User, browser_of: BrowserOf) -> None:
    form = {
        "username": "stranger",
        "groups": [Group.objects.get(name="trainer").pk],
        "is_active": "on",
        "date_joined_0": "2024-01-01",
        "date_joined_1": "00:00:00",
    }
    page = browser_of(dave).post(f"/admin/auth/user/{stranger.pk}/change/", form)
    assert page.status_code == 302, page.text
    assert role_of(stranger) is Role.TRAINER
    assert AuditEntry.objects.get(action="user.change").user == dave
    token_create(user=stranger)
    browser_of(dave).post(f"/admin/auth/user/{stranger.pk}/change/", {**form, "is_active": ""})
    assert role_of(User.objects.get(pk=stranger.pk)) is None and not ApiToken.objects.exists()


def test_it_makes_a_member(dave: User, browser_of: BrowserOf) -> None:
    form = {
        "username": "erin",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "groups": [Group.objects.get(name="viewer").pk],
    }
    assert browser_of(dave).post("/admin/auth/user/add/", form).status_code == 302
    assert role_of(User.objects.get(username="erin")) is Role.VIEWER


def test_it_lets_nobody_lock_himself_out(dave: User, browser_of: BrowserOf) -> None:
    form = {"username": "dave", "groups": [], "email": "dave@example.org"}
    assert browser_of(dave).post(f"/admin/auth/user/{dave.pk}/change/", form).status_code == 302
    dave.refresh_from_db()
    assert dave.email == "dave@example.org" and dave.is_active and role_of(dave) is Role.ADMIN
    assert browser_of(dave).post(f"/admin/auth/user/{dave.pk}/delete/", {"post": "yes"}).status_code == 403


def test_it_shows_the_task_queue_and_schedules_nothing(dave: User, browser_of: BrowserOf) -> None:
    browser = browser_of(dave)
    assert browser.get("/admin/django_q/schedule/").status_code == 200
    assert browser.get("/admin/django_q/schedule/add/").status_code == 403
    form = {"func": "os.system", "args": "'id'", "schedule_type": "O"}
    assert browser.post("/admin/django_q/schedule/add/", form).status_code == 403


def test_it_makes_no_superuser(dave: User, alice: User, browser_of: BrowserOf) -> None:
    form = {"username": "alice", "groups": [], "is_active": "on", "is_superuser": "on", "is_staff": "on"}
    browser_of(dave).post(f"/admin/auth/user/{alice.pk}/change/", form)
    alice.refresh_from_db()
    assert not alice.is_superuser and role_of(alice) is None


def test_it_cancels_chosen_runs(alice: User, dave: User, browser_of: BrowserOf) -> None:
    runs = [make_run(alice), make_run(alice, status=Status.COMPLETED)]
    form = {"action": "cancel", "_selected_action": [run.pk for run in runs]}
    page = browser_of(dave).post("/admin/training/trainingrun/", form, follow=True)
    assert "1 cancelled" in page.text
    assert set(TrainingRun.objects.values_list("status", flat=True)) == {"cancelled", "completed"}


def test_it_revokes_chosen_tokens(alice: User, dave: User, browser_of: BrowserOf) -> None:
    token, _ = token_create(user=alice)
    browser_of(dave).post("/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})
    assert not ApiToken.objects.exists()
    assert AuditEntry.objects.filter(action="token.revoke", user=dave).exists()


def test_it_asks_the_database_as_often_for_many_rows_as_for_one(
    alice: User, dave: User, something: None, browser_of: BrowserOf
) -> None:
    browser, counts = browser_of(dave), []
    for number in (1, 10):
        for _ in range(number):
            make_run(alice)
            audit(alice, "test", "row")
            token_create(user=alice)
            User.objects.create_user(f"member {User.objects.count()}").groups.add(Group.objects.get(name="viewer"))
        with CaptureQueriesContext(connection) as seen:
            for address in ("auth/user", "accounts/apitoken", "accounts/auditentry", "training/trainingrun"):
                assert browser.get(f"/admin/{address}/").status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_tokens_end_with_a_password_that_an_admin_sets(alice: User, dave: User, browser_of: BrowserOf) -> None:
    token_create(user=alice)
    form = {"password1": "a quite different 9", "password2": "a quite different 9", "usable_password": "true"}
    browser = browser_of(dave)
    address = f"/admin/auth/user/{alice.pk}/password/"
    assert browser.post(address, form | {"password2": "another"}).status_code == 200
    assert alice.auth_token_set.count() == 1
    assert browser.post(address, form).status_code == 302
    assert alice.auth_token_set.count() == 0


@pytest.mark.parametrize("address", ["password_change/", "auth/user/{pk}/password/", "auth/user/0{pk}/password/"])
def test_ones_own_password_is_changed_where_the_old_one_is_asked_for(
    dave: User, browser_of: BrowserOf, address: str
) -> None:
    browser, new = browser_of(dave), "a quite different 9"
    form = {"old_password": PASSWORD, "usable_password": "true"}
    form |= {"password1": new, "password2": new, "new_password1": new, "new_password2": new}
    page = "/admin/" + address.format(pk=dave.pk)
    assert browser.get(page)["Location"] == browser.post(page, form)["Location"] == "/account/password/"
    dave.refresh_from_db()
    assert dave.check_password(PASSWORD)
