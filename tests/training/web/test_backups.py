"""The page of backups: seen by admins, one made by a click or every night, and what is said where none is made."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.generations import generations
from boursomatic.backup.make import backup_make
from boursomatic.backup.manifest import read_manifest
from boursomatic.notices.models import Notice, NoticeKind
from boursomatic.notices.services import visible_to
from predictions.models import Schedule
from predictions.schedules.services import schedules_create, schedules_start
from tests.backup.small import small_site
from tests.people import BrowserOf
from tests.training.recipes.test_walk_forward import carry_next
from tests.training.run_builders import make_run
from training.models import Status, TrainingRun
from training.runs.backups import backup_failure_notice, backup_start

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


@pytest.fixture
def place(tmp_path: Path, settings: Any) -> Path:
    settings.BACKUPS = tmp_path / "backups"
    return tmp_path / "backups"


def test_an_admin_backs_up_by_a_click(dave: User, bob: User, browser_of: BrowserOf, place: Path) -> None:
    browser = browser_of(dave)
    page = browser.get("/backups/").text
    assert "No backup yet" in page and str(place) in page and "python manage.py restore" in page
    for sentence in ("Queued, starts within seconds.", "A backup is on its way already."):
        assert sentence in browser.post("/backups/now", follow=True).text
    run = TrainingRun.objects.get(kind="backup")
    assert run.created_by == dave and "data-poll" in browser.get("/backups/").text
    assert carry_next()
    (made,) = generations(place)
    run.refresh_from_db()
    assert (run.status, run.result["name"]) == (Status.COMPLETED, made.name)
    page = browser.get("/backups/").text
    entry = AuditEntry.objects.get(action="backup.make")
    assert (entry.user, entry.subject, entry.details["bytes"]) == (dave, made.name, made.manifest.size)
    assert f"{made.made_at:%Y-%m-%d %H:%M:%S}" in page and str(made.folder) in page and "data-poll" not in page
    assert 'href="/backups/"' in browser.get(f"/runs/{run.run_id}/").text
    page = browser_of(bob).get(f"/runs/{run.run_id}/").text
    assert run.result["sentence"] in page and str(place) not in page and 'href="/backups/"' not in page


def test_it_keeps_as_many_as_the_settings_say(dave: User, browser_of: BrowserOf, place: Path, settings: Any) -> None:
    settings.BACKUPS_KEEP = 2
    for _ in range(3):
        browser_of(dave).post("/backups/now")
        assert carry_next()
    assert len(generations(place)) == 2


def test_it_says_why_one_failed(dave: User, browser_of: BrowserOf, settings: Any) -> None:
    settings.BACKUPS = site_settings.ARTIFACT_ROOT / "backups"
    browser_of(dave).post("/backups/now")
    assert carry_next()
    run = TrainingRun.objects.get(kind="backup")
    assert (run.status, run.error_reason) == (Status.FAILED, "backup") and "which a backup must not" in run.error
    page = browser_of(dave).get("/backups/").text
    assert "The last backup failed." in page and "which a backup must not" in page


CLOSED = {  # an audit that takes no backup
    "postgresql": "ALTER TABLE accounts_auditentry ADD CONSTRAINT closed CHECK (action <> 'backup.make') NOT VALID",
    "sqlite": """CREATE TRIGGER closed BEFORE INSERT ON accounts_auditentry WHEN NEW.action = 'backup.make'
        BEGIN SELECT RAISE(ABORT, 'closed'); END""",
}


@pytest.fixture
def closed_audit(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(CLOSED[connection.vendor])
    yield
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER closed" if is_sqlite else "ALTER TABLE accounts_auditentry DROP CONSTRAINT closed")


@pytest.mark.usefixtures("closed_audit")
def test_one_that_is_not_in_the_audit_is_no_success(place: Path) -> None:
    backup_start(user=None)
    assert carry_next()
    assert TrainingRun.objects.get(kind="backup").status == Status.FAILED and len(generations(place)) == 1


@pytest.mark.usefixtures("closed_audit")
def test_a_command_says_so_too(place: Path) -> None:
    with pytest.raises(CommandError, match=r"is whole, but could not be entered in the audit: .*closed"):
        call_command("backup", str(place))


def test_admins_are_told_once_that_it_fails_until_one_succeeds(
    dave: User, carol: User, browser_of: BrowserOf, place: Path, settings: Any
) -> None:
    def night(folder: Path) -> None:
        settings.BACKUPS = folder
        backup_start(user=None)
        assert carry_next()
        for _ in range(2):
            backup_failure_notice()

    fails = site_settings.ARTIFACT_ROOT / "backups"
    for expected, folder in enumerate((place, fails, fails, place, fails)):
        night(folder)
        told = visible_to(dave).filter(kind=NoticeKind.BACKUP)
        assert told.count() == (0, 1, 1, 1, 2)[expected], expected
    assert "which a backup must not" in told[0].text and not visible_to(carol).exists()
    assert told[0].get_absolute_url() == "/backups/" and "Backup failed" in browser_of(dave).get("/notices/").text
    TrainingRun.objects.filter(status=Status.COMPLETED).delete()
    Notice.objects.update(made_at=timezone.now() - timedelta(days=31))
    night(fails)
    assert told.count() == 3, "once a month where none succeeds"


def _without(key: str) -> Any:
    return lambda stored: {name: value for name, value in stored.items() if name != key}


@pytest.mark.parametrize(
    "tamper",
    [
        *(_without(key) for key in ("format", "files", "database", "migrations", "code_version")),
        lambda stored: {**stored, "files": {}},
        lambda stored: {**stored, "files": {name: {**file, "bytes": "12"} for name, file in stored["files"].items()}},
        lambda stored: {**stored, "files": {name: {**file, "mode": "rw"} for name, file in stored["files"].items()}},
        lambda stored: {**stored, "database": ["x"]},
        lambda stored: {**stored, "format": 2},
        lambda stored: {**stored, "made_at": "yesterday"},
        lambda stored: [stored],
        lambda stored: "manifest",
        lambda stored: None,
    ],
)
def test_a_backup_that_cannot_be_read_is_named(
    dave: User, browser_of: BrowserOf, place: Path, tmp_path: Path, tamper: Any
) -> None:
    made = backup_make(small_site(tmp_path / "home"), place).folder
    stored = tamper(json.loads((made / "manifest.json").read_bytes()))
    (made / "manifest.json").write_bytes(json.dumps(stored).encode() if stored else b"{not \xff json")
    answer = browser_of(dave).get("/backups/")
    assert answer.status_code == 200
    assert f"The backup {made.name} can't be read." in answer.text
    assert "take its folder away once a newer backup is whole" in answer.text
    assert "No backup yet" in answer.text
    with pytest.raises(BackupRefused):
        read_manifest(made)


def test_home_tells_admins_of_an_overdue_one(
    dave: User, carol: User, browser_of: BrowserOf, place: Path, db: None
) -> None:
    assert "backup" not in browser_of(dave).get("/").text.lower().replace('href="/backups/"', "").replace("backups", "")
    make_run(None, created_at=timezone.now() - timedelta(days=8))
    assert "There is no backup of this site yet." in browser_of(dave).get("/").text
    assert "no backup of this site" not in browser_of(carol).get("/").text
    TrainingRun.objects.all().delete()
    browser_of(dave).post("/backups/now")
    assert carry_next()
    assert "newest backup" not in browser_of(dave).get("/").text
    (made,) = generations(place)
    _date(made.folder, timezone.now() - timedelta(days=3))
    for page in ("/", "/backups/"):
        assert "The newest backup is 3 days old." in browser_of(dave).get(page).text


def test_one_that_was_made_while_the_clock_was_ahead_hides_nothing(
    dave: User, browser_of: BrowserOf, place: Path, tmp_path: Path
) -> None:
    """All later ones are named after it."""
    home, ahead, now = tmp_path / "home", timezone.now() + timedelta(days=3650), timezone.now()
    backup_make(small_site(home), place)
    (first,) = generations(place)
    _date(first.folder, ahead)
    first.folder.rename(place / f"{ahead:%Y%m%dT%H%M%SZ}")
    for page in ("/", "/backups/"):
        assert "so its age is unknown. Make another one." in browser_of(dave).get(page).text
    shutil.rmtree(home)
    second = backup_make(small_site(home), place)
    assert second.folder.name > f"{ahead:%Y%m%dT%H%M%SZ}"
    for page in ("/", "/backups/"):
        assert "The newest backup" not in browser_of(dave).get(page).text
    _date(second.folder, now - timedelta(days=3))
    assert "The newest backup is 3 days old." in browser_of(dave).get("/").text


def _date(folder: Path, at: datetime) -> None:
    """As if it had been made then."""
    stored = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**stored, "made_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}))


def test_every_night_is_for_admins_to_choose(dave: User, carol: User, browser_of: BrowserOf, place: Path) -> None:
    assert all(schedule.job != "backup" for schedule in schedules_create(universe="all", user=carol))
    admin, manager = browser_of(dave), browser_of(carol)
    assert manager.post("/schedules/backup").status_code == 403
    assert "Every night: next at" in admin.post("/schedules/backup", follow=True).text
    admin.post("/schedules/backup")
    schedule = Schedule.objects.get(job="backup")
    assert "Back up" in admin.get("/schedules/").text and "Back up" not in manager.get("/schedules/").text
    assert manager.post(f"/schedules/{schedule.pk}/change", {"do": "run"}).status_code == 404
    Schedule.objects.exclude(pk=schedule.pk).delete()
    Schedule.objects.update(next_run_at=timezone.now() - timedelta(hours=1))
    schedules_start()
    schedules_start()
    assert carry_next() and len(generations(place)) == 1
    schedule.refresh_from_db()
    assert schedule.run_id == TrainingRun.objects.get(kind="backup").run_id
