"""Activation: behind a gate, one of a scope, whoever asks at once, and a history that answers for every day."""

import io
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from boursomatic.accounts.models import AuditEntry
from tests.faults.crew import until
from tests.faults.scale import times
from tests.market import make_series
from tests.people import ApiOf
from tests.training.results import candle_result, universe_result
from tests.training.run_builders import confirm_universe, enter_universe, make_model, make_run
from tests.training.universe import carried_universe, make_universe
from training.artifacts.storage import artifact_storage
from training.errors import ActiveChanged, TooLate
from training.models import Activation, ModelVersion, Status, TrainingRun
from training.registry.activation import active_on, model_activate
from training.registry.gate import gate_checks, refusals
from training.runs.deletion import runs_delete
from training.runs.services import run_delete

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ROUNDS = times(25, 200)  # of a race
TEST = {"precision_buy": 0.4, "base_rate_buy": 0.3, "excess_sharpe": 1.2, "max_drawdown": -0.1}


def universe_model(by: User | None, *, p_value: float = 0.001, **test: Any) -> ModelVersion:
    """A model that passes the gate, unless `p_value` or a figure of its walk says otherwise."""
    result = universe_result(universe="few", as_of="2030-01-01", p_value=p_value)
    run = make_run(by, kind="universe", status=Status.COMPLETED, config={"universe": "few"}, result=result)
    confirm_universe(enter_universe(run, data_hash=str(p_value)), p_value=p_value, **{**TEST, **test})
    return make_model(run, version=f"universe-{run.run_id}", kind="universe", series=None, universe="few", horizon=20)


def _active() -> list[str]:
    return list(ModelVersion.objects.filter(is_active=True).values_list("version", flat=True))


def test_it_activates_what_passes_the_gate(carol: User, bob: User, api: ApiOf) -> None:
    first, second = universe_model(carol), universe_model(carol)
    answer = api(carol).post(f"/api/models/{first.version}/activate", {"reason": "good", "expected_active": None})
    assert answer.status_code == 200
    said = answer.json()
    assert said["is_active"] is True and said["activated_by"] == "carol" and said["previous"] is None
    assert all(check["passed"] for check in said["gate"]) and len(said["gate"]) == 9
    again = api(carol).post(
        f"/api/models/{second.version}/activate", {"reason": "better", "expected_active": first.version}
    )
    assert again.json()["previous"] == first.version and _active() == [second.version]
    history = api(bob).get("/api/models/history").json()
    assert [(one["version"], one["reason"], one["by"]) for one in history] == [
        (second.version, "better", "carol"),
        (first.version, "good", "carol"),
    ]
    assert AuditEntry.objects.filter(action="model.activate").count() == 2


@pytest.mark.parametrize(
    ("worse", "check"),
    [
        ({"p_value": 0.2}, "verdict"),
        ({"precision_buy": 0.3}, "precision of BUY"),
        ({"precision_buy": None}, "precision of BUY"),
        ({"excess_sharpe": -0.1}, "market-neutral Sharpe ratio after costs"),
        ({"max_drawdown": -0.3}, "maximum drawdown"),
    ],
)
def test_it_refuses_at_the_gate_and_lets_a_manager_override(
    worse: dict[str, Any], check: str, carol: User, api: ApiOf
) -> None:
    model = universe_model(carol, **worse)
    address = f"/api/models/{model.version}/activate"
    refused = api(carol).post(address, {"reason": "try"})
    assert refused.status_code == 422 and check in refused.json()["detail"]
    assert [one["check"] for one in refused.json()["gate"] if not one["passed"]] == [check]
    assert not _active() and not Activation.objects.exists()
    assert api(carol).post(address, {"reason": "we know", "override": True}).status_code == 200
    kept = Activation.objects.get()
    assert kept.overridden and kept.reason == "we know" and _active() == [model.version]


@pytest.mark.parametrize("auc", [{"model": None, "logistic": None}, {"model": 0.6, "logistic": None}])
def test_it_refuses_a_comparison_that_is_not_defined(auc: dict[str, Any], carol: User) -> None:
    model = universe_model(carol)
    model.run.result["auc_buy"] = auc
    assert refusals(gate_checks(model)) == ["not beaten by logistic regression"]


def test_it_refuses_a_candle_model_without_a_confirmation_to_compare(carol: User) -> None:
    run = make_run(carol, series=make_series("SPY", bars=5), status=Status.COMPLETED, result={"test_metrics": {}})
    assert "not beaten by logistic regression" in refusals(gate_checks(make_model(run)))


def test_it_refuses_a_model_whose_file_was_changed_or_whose_data_is_old() -> None:
    make_universe()
    run = carried_universe(as_of="2001-07-01")
    model = run.model_version
    old = {check["check"]: check for check in gate_checks(model)}
    assert not old["sessions since its data"]["passed"] and old["sessions since its data"]["value"] > 5
    assert old["files intact"]["passed"]
    Path(artifact_storage().path(f"{model.folder}/classifier.txt")).write_text("x")
    broken = {check["check"]: check for check in gate_checks(model)}["files intact"]
    assert not broken["passed"] and broken["value"] == "classifier.txt"


def broken_model(by: User | None) -> ModelVersion:
    """One that passes the gate, but for a file that is gone."""
    model = universe_model(by)
    model.files = {"classifier.txt": "0" * 64}
    model.save()
    return model


def test_no_override_activates_a_model_whose_files_are_not_intact(carol: User, api: ApiOf) -> None:
    model = broken_model(carol)
    refused = api(carol).post(f"/api/models/{model.version}/activate", {"reason": "we know", "override": True})
    assert refused.status_code == 422 and not _active() and not Activation.objects.exists()
    assert [check["check"] for check in refused.json()["gate"] if not check["passed"]] == ["files intact"]
    assert "classifier.txt changed or missing" in refused.json()["detail"]
    assert "Restore the files from a backup, or train the model again." in refused.json()["detail"]
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"classifier.txt changed or missing.*train the model again\.$"):
        call_command("activate_model", model.version, "--reason", "known", "--override", "--json", stdout=out)
    assert not _active() and not json.loads(out.getvalue())["gate"][-1]["passed"]


def test_it_refuses_a_lost_race(carol: User, api: ApiOf) -> None:
    first, second = universe_model(carol), universe_model(carol)
    program = api(carol)
    program.post(f"/api/models/{first.version}/activate", {"reason": "a"})
    lost = program.post(f"/api/models/{second.version}/activate", {"reason": "b", "expected_active": None})
    assert lost.status_code == 409 and first.version in lost.json()["detail"]
    assert _active() == [first.version]


def test_it_deactivates_and_knows_what_was_active_when(carol: User, api: ApiOf) -> None:
    model, program = universe_model(carol), api(carol)
    program.post(f"/api/models/{model.version}/activate", {"reason": "a"})
    Activation.objects.update(at=timezone.now() - timedelta(days=3))
    assert program.post(f"/api/models/{model.version}/deactivate", {"reason": "stale"}).status_code == 200
    assert program.post(f"/api/models/{model.version}/deactivate", {"reason": "stale"}).status_code == 409
    assert not _active()
    now = timezone.now()
    assert [one.version for one in active_on(now - timedelta(days=1))] == [model.version]
    assert active_on(now) == [] and active_on(now - timedelta(days=9)) == []
    day = (now - timedelta(days=2)).strftime("%Y-%m-%d")
    assert [one["version"] for one in program.get("/api/models/history", {"on": day}).json()] == [model.version]
    assert program.get("/api/models/history", {"on": "someday"}).status_code == 400


def test_it_is_for_managers(alice: User, carol: User, api: ApiOf) -> None:
    model = universe_model(carol)
    for verb in ("activate", "deactivate"):
        assert api(alice).post(f"/api/models/{model.version}/{verb}", {"reason": "a"}).status_code == 403
    for body in ({}, {"reason": " "}, {"reason": "a", "force": True}, {"reason": "a", "override": 1}):
        assert api(carol).post(f"/api/models/{model.version}/activate", body).status_code == 400
    assert api(carol).post("/api/models/none/activate", {"reason": "a"}).status_code == 404


def test_it_keeps_scopes_apart(carol: User, api: ApiOf) -> None:
    spy = make_series("SPY", bars=5)
    candle = make_model(make_run(carol, series=spy, status=Status.COMPLETED, result=candle_result()))
    universe = universe_model(carol)
    for model in (candle, universe):
        answer = api(carol).post(f"/api/models/{model.version}/activate", {"reason": "a", "override": True})
        assert answer.status_code == 200
    assert set(_active()) == {candle.version, universe.version}
    assert api(carol).delete(f"/api/training/poc-runs/{candle.run.run_id}").status_code == 409


def test_it_lets_the_database_hold_one_active_universe_model(carol: User) -> None:
    models = [universe_model(carol), universe_model(carol)]
    ModelVersion.objects.filter(pk=models[0].pk).update(is_active=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=models[1].pk).update(is_active=True)


@pytest.mark.django_db(transaction=True)
def test_it_is_not_active_and_deleted_when_both_are_asked_at_once(carol: User) -> None:
    """The run that is to be deleted was read, with its model, before either began."""
    start = threading.Barrier(2)
    for delete in (run_delete, _delete_many) * ROUNDS:
        model = universe_model(carol)
        run = TrainingRun.objects.select_related("model_version").get(pk=model.run_id)
        threads = [
            _in_thread(partial(model_activate, model=model, user=carol, reason="race"), ActiveChanged, start),
            _in_thread(partial(delete, run=run, user=carol), TooLate, start),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        model.refresh_from_db()
        run.refresh_from_db()
        assert model.is_active == (run.deleted_at is None)


@pytest.mark.django_db(transaction=True)
def test_it_makes_a_deletion_wait_for_an_activation_that_is_under_way(carol: User) -> None:
    for delete in (run_delete, _delete_many):
        model = universe_model(carol)
        run = TrainingRun.objects.select_related("model_version").get(pk=model.run_id)
        thread = _in_thread(partial(delete, run=run, user=carol), TooLate)
        with transaction.atomic():
            model_activate(model=model, user=carol, reason="first")
            thread.start()
            until(lambda thread=thread: not thread.is_alive() or _is_waited_for(), what="the deletion to wait")
        thread.join()
        run.refresh_from_db()
        assert run.deleted_at is None and _active() == [model.version]


def _in_thread(
    act: Callable[[], object], refused: type[Exception], start: threading.Barrier | None = None
) -> threading.Thread:
    def work() -> None:
        if start:
            start.wait()
        with suppress(refused):
            act()
        connection.close()

    return threading.Thread(target=work)


def _delete_many(run: TrainingRun, user: User) -> None:
    if not runs_delete(TrainingRun.objects.filter(pk=run.pk), user=user, why="race"):
        raise TooLate("none")


def _is_waited_for() -> bool:
    """Another connection waits for what this one has locked; on SQLite whoever wants to write does."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone() is not None


def _at_once(programs: list[APIClient], models: list[ModelVersion], **body: Any) -> list[int]:
    """Each program asks for its model at the same moment; the statuses, ascending."""
    answers: list[int] = []
    start = threading.Barrier(len(programs))

    def ask(program: APIClient, model: ModelVersion) -> None:
        start.wait()
        answers.append(program.post(f"/api/models/{model.version}/activate", {"reason": "mine", **body}).status_code)
        connection.close()

    threads = [threading.Thread(target=ask, args=each) for each in zip(programs, models, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


@pytest.mark.django_db(transaction=True)
def test_it_leaves_exactly_one_active_when_two_managers_ask_at_once(carol: User, dave: User, api: ApiOf) -> None:
    models, programs = [universe_model(carol), universe_model(dave)], [api(carol), api(dave)]
    for _ in range(ROUNDS):
        assert _at_once(programs, models) == [200, 200]
        assert len(_active()) == 1 and _active() == [Activation.objects.latest("id").version]


@pytest.mark.django_db(transaction=True)
def test_it_lets_one_win_where_both_say_what_they_expect(carol: User, dave: User, api: ApiOf) -> None:
    models, programs = [universe_model(carol) for _ in range(3)], [api(carol), api(dave)]
    for number in range(ROUNDS):
        now, *others = models[number % 3], models[(number + 1) % 3], models[(number + 2) % 3]
        programs[0].post(f"/api/models/{now.version}/activate", {"reason": "again"})
        assert _at_once(programs, others, expected_active=now.version) == [200, 409]
        assert len(_active()) == 1 and _active()[0] in {one.version for one in others}


def test_its_command_tells_the_gate_and_refuses() -> None:
    model = universe_model(None, p_value=0.2)
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Activation checks of .* failed: verdict.* --override"):
        call_command("activate_model", model.version, "--reason", "try", "--json", stdout=out)
    assert [one["check"] for one in json.loads(out.getvalue())["gate"] if not one["passed"]] == ["verdict"]
    out = io.StringIO()
    call_command("activate_model", model.version, "--reason", "known", "--override", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert set(said) == {"version", "scope", "previous", "gate"}
    assert said["scope"] == {"universe": "few", "timeframe": "1d", "horizon": 20} and _active() == [model.version]
    with pytest.raises(CommandError, match="There is no model x"):
        call_command("activate_model", "x", "--reason", "a")
