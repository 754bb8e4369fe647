"""Every endpoint, every kind of run, asked for real, and the answers' keys held against the schema's."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.utils import timezone

from instruments.health.services import series_check
from instruments.models import CalendarSession, Finding, FindingState, Instrument, Series
from instruments.store.read_bars import load_bars
from predictions.recommendations.make import recommendations_make
from predictions.schedules.services import schedule_run_now, schedules_create
from tests.contracts.documented import Witness, component, operations
from tests.instruments.files import csv, daily
from tests.instruments.health.test_findings import made_up
from tests.instruments.quant.test_health import market, scaled
from tests.instruments.sources.vendor import text, vendor
from tests.instruments.uploaded import file
from tests.kinds.count.recipe import CountSpec
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from tests.predictions.advised import TRAINED, day_of
from tests.training.recipes.test_walk_forward import carry_next
from tests.training.universe import change_after, make_universe
from training.models import MetaLook, ModelVersion, Status, TrainingRun
from training.queue import hosts
from training.recipes.backup.spec import BackupSpec
from training.recipes.check.spec import CheckSpec
from training.recipes.kinds import recipes
from training.recipes.meta_fit.spec import MetaFitSpec
from training.runs.services import run_create

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
BODY = {"candle_date": candle(560), "symbol": "SPY", "train_years": 1.0, "test_window_size": 20}
RUNS, POC, MODELS = "/api/training/runs", "/api/training/poc-runs", "/api/models"
STUDIES = "/api/training/studies"
SWEEPS, SWEEP = "/api/training/sweeps", "/api/training/sweeps/{sweep_id}"
HEALTH = "/api/data/health"
SOURCES, SOURCE = "/api/data/sources", "/api/data/sources/{name}"
UPLOADS, NONE = "/api/data/uploads", "00000000-0000-0000-0000-000000000000"
BARS, PREDICTIONS = "/api/instruments/{symbol}/bars", "/api/poc-predictions/{run_id}"
MEMBERS, MEMBER = "/api/universes/{name}/members", "/api/universes/{name}/members/{symbol}"
INDICATORS = "/api/instruments/{symbol}/indicators"
ACTIONS = "/api/instruments/{symbol}/actions"
WALK = {"universe": "few", "horizon": 5, "walk_forward": {"folds": 2, "step": 30}}


class Asker:
    """A program that shows every answer to the witness."""

    def __init__(self, client: Any, witness: Witness) -> None:
        self.client, self.witness = client, witness

    def __call__(self, method: str, path: str, body: Any = None, *, query: str = "", **more: Any) -> Any:
        """`path` as documented; its variables, and headers, are `more`."""
        named = {name: more.pop(name) for name in [*more] if "{" + name + "}" in path}
        sent = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        answer = self.client.generic(method, path.format(**named) + query, **{**sent, **more})
        found = json.loads(answer.content) if answer.content else None
        self.witness.see(method, path, answer.status_code, found)
        return found


@pytest.fixture
def witness() -> Witness:
    return Witness()


def test_it_answers_what_is_documented(
    carol: User, stranger: User, api: ApiOf, browser_of: BrowserOf, witness: Witness
) -> None:
    ask = Asker(api(carol), witness)
    make_universe()
    make_series(bars=600)
    _instruments(ask)
    _members(ask)
    upload_id = _uploads(ask)
    finding_id = _health(ask)
    _sources(ask)
    candle_run = _candle_runs(ask, browser_of(carol))
    ensemble = _ensemble(ask, candle_run)
    _studies(ask)
    _suggestion(ask, carol)
    universe_run = _universe_runs(ask)
    sweep_id = _sweeps(ask)
    _predictions(ask, candle_run)
    _models(ask, candle_run, ensemble, universe_run)
    _every_kind(ask, carol)
    _hosts(ask)
    _lists(ask)
    _changes(ask)
    _bodies(
        ask,
        run_id=universe_run,
        version=f"universe-{universe_run}",
        upload_id=upload_id,
        sweep_id=sweep_id,
        finding_id=finding_id,
        name="mine",
    )
    _refusals(Asker(api(), witness), Asker(api(stranger), witness))
    assert not witness.wrong, "\n".join(witness.wrong[:40])
    asked = {(method, path) for method, path, status in witness.statuses if status[0] == "2"}
    assert asked == set(operations()) - {("GET", "/api/schema")}
    assert not witness.unseen_keys()


def _instruments(ask: Asker) -> None:
    ask("GET", "/api/instruments")
    for query in ("?start=2018-01-05&end=2018-01-20", "?price=adjusted&end=2018-01-20"):
        ask("GET", BARS, symbol="SPY", query=query)
    etag = ask.client.get("/api/instruments/SPY/bars")["ETag"]
    ask("GET", BARS, symbol="SPY", HTTP_IF_NONE_MATCH=etag)
    ask("GET", BARS, symbol="NONE")
    ask("GET", BARS, symbol="SPY", query="?start=someday")
    for query in ("", "?price=raw&names=sma_20,macd&start=2018-03-01"):
        etag = ask.client.get("/api/instruments/SPY/indicators" + query)["ETag"]
        ask("GET", INDICATORS, symbol="SPY", query=query)
        ask("GET", INDICATORS, symbol="SPY", query=query, HTTP_IF_NONE_MATCH=etag)
    ask("GET", INDICATORS, symbol="NONE")
    ask("GET", INDICATORS, symbol="SPY", query="?names=astrology")
    bar = {"date": "2023-06-15", "open": 1, "high": 2, "low": 1, "close": 2, "volume": 3, "adj_close": 2}
    ask("POST", BARS, [bar, {**bar, "date": "2023-06-16"}], symbol="NEW")
    ask("POST", BARS, [{**bar, "high": 0.5}], symbol="NEW")
    ask("POST", BARS, {"no": "rows"}, symbol="NEW")
    actions = [{"ex_day": "2023-06-16", "kind": "split", "ratio": 2}]
    actions += [{"ex_day": "2023-06-15", "kind": "dividend", "amount": 0.5}]
    for body in (actions, [{**actions[0], "ratio": 3}], [{**actions[0], "ratio": -1}], {"no": "rows"}):
        ask("POST", ACTIONS, body, symbol="NEW")
    for symbol in ("NEW", "NONE"):
        ask("GET", ACTIONS, symbol=symbol)
        ask("POST", ACTIONS, actions, symbol=symbol)
    ask("GET", ACTIONS, symbol="NEW", query="?timeframe=2d")


def _members(ask: Asker) -> None:
    """Dates stored, refused and read; and the calendar of one that has a session ahead."""
    ask("POST", MEMBERS, [{"symbol": "SPY", "from": "2018-01-05"}, {"symbol": "NEW", "to": None}], name="dated")
    ask("POST", MEMBERS, [{"symbol": "SPY"}, {"symbol": "NONE"}], name="dated")
    ask("POST", MEMBERS, {"symbol": "SPY"}, name="dated")
    ask("GET", MEMBERS, name="dated")
    ask("GET", MEMBERS, name="none")
    for name in ("dated", "dated", "none"):
        ask("DELETE", MEMBER, name=name, symbol="NEW")
    Instrument.objects.filter(symbol="SPY").update(calendar="XNYS")
    tomorrow = timezone.now() + timedelta(days=1)
    CalendarSession.objects.create(calendar="XNYS", day=tomorrow.date(), closes_at=tomorrow)
    ask("GET", "/api/data/calendars")


def _uploads(ask: Asker) -> str:
    """One that clashes with what is stored, has bad rows, and is stored; its id."""
    sent = csv(*daily(5, symbol="NEW"), "2020-01-09,10,9,11,10,1,NEW")
    for body in ({"files": [file(sent, "a.csv")]}, {"files": [file(sent.replace("10.0,", "10.5,"), "b.csv")]}, {}):
        answer = ask.client.post(UPLOADS, body, format="multipart")
        ask.witness.see("POST", UPLOADS, answer.status_code, answer.json())
        if answer.status_code == 201:
            upload_id: str = answer.json()["upload_id"]
            ask("POST", UPLOADS + "/{upload_id}/store", {"on_bad": "skip"}, upload_id=upload_id)
            _work()
            assert ask("GET", UPLOADS + "/{upload_id}", upload_id=upload_id)["report"]
    ask("POST", UPLOADS + "/{upload_id}/store", {"on_bad": "ignore"}, upload_id=upload_id)
    ask("GET", UPLOADS + "/{upload_id}", upload_id=NONE)
    ask("POST", UPLOADS + "/{upload_id}/store", {}, upload_id=NONE)
    return upload_id


def _health(ask: Asker) -> str:
    """A finding repaired, undone and acknowledged, and what can't be; its id."""
    made_up("SPLT", scaled(market(), 0, 300, 2.0))
    series_check(pks=list(Series.objects.filter(instrument__symbol="SPLT").values_list("pk", flat=True)))
    finding = ask("GET", HEALTH, query="?symbol=SPLT&state=open")[0]["id"]
    ask("GET", HEALTH, query="?severity=awful")
    repair, undo = HEALTH + "/{finding_id}/repair", HEALTH + "/{finding_id}/undo"
    mark = ask("GET", repair, finding_id=finding)["mark"]
    for body in ({"mark": 5}, {"mark": "other"}, {"mark": mark}, {}):
        ask("POST", repair, body, finding_id=finding)
    ask("GET", repair, finding_id=finding)
    for _ in range(2):
        ask("POST", undo, finding_id=finding)
    for method, path in (("GET", repair), ("POST", repair), ("POST", undo)):
        ask(method, path, finding_id=0)
    for reason in ("news", 5):
        ask("POST", HEALTH + "/{finding_id}/acknowledge", {"reason": reason}, finding_id=finding)
    ask("POST", HEALTH + "/{finding_id}/acknowledge", {"reason": "news"}, finding_id=0)
    Finding.objects.update(state=FindingState.GONE)
    ask("POST", HEALTH + "/{finding_id}/acknowledge", {"reason": "news"}, finding_id=finding)
    return str(finding)


def _sources(ask: Asker) -> None:
    """One that answers, one whose address is private, and none."""
    source = {"name": "mine", "kind": "file_url", "options": {"url": "https://127.0.0.1/{symbol}"}}
    with vendor() as shop, override_settings(SOURCE_HOSTS=[f"127.0.0.1:{shop.port}"]):
        shop.routes["/NEW"] = text(csv(*daily(5, symbol="NEW")))
        ask("POST", SOURCES, {**source, "name": "other", "options": {"url": shop.url + "/{symbol}"}})
        assert len(ask("POST", SOURCE + "/try", {"symbol": "NEW"}, name="other")["bars"]) == 5
        for body in ({"source": "other", "symbols": ["NEW"]}, {"source": "other"}, {"universe": "none"}):
            ask("POST", "/api/data/refresh", body)
        _work()
    ask("POST", SOURCES, source)
    ask("POST", SOURCES, source)
    ask("GET", SOURCES)
    for name in ("mine", "none"):
        ask("GET", SOURCE, name=name)
        ask("PATCH", SOURCE, {"enabled": False, "symbols": {"SPY": "SPY.US"}}, name=name)
        ask("POST", SOURCE + "/try", {"symbol": "SPY"}, name=name)
    ask("POST", SOURCE + "/try", {}, name="mine")
    for name in ("other", "none"):
        ask("DELETE", SOURCE, name=name)


def _candle_runs(ask: Asker, browser: Client) -> str:
    """In every state, with all that can be found out about one; the id of a completed one."""
    asked = ask("POST", "/api/training/run-poc", BODY, HTTP_IDEMPOTENCY_KEY="one")
    ask("POST", "/api/training/run-poc", {**BODY, "confirm": False}, HTTP_IDEMPOTENCY_KEY="one")
    ask("POST", "/api/training/run-poc", {**BODY, "candle_date": "someday"})
    run_id: str = asked["run_id"]
    ask("GET", POC + "/{run_id}", run_id=run_id)
    _work()
    for job in ("verify", "control"):
        assert browser.post(f"/runs/{run_id}/{job}").status_code in (200, 302)
    about = _about(run_id)
    assert {kind for kind, _ in about} == {"confirmation", "verification", "control"}
    for kind, name in about:
        assert ask("GET", RUNS + "/{run_id}", run_id=name)["kind"] == kind
    _work()
    for kind, name in about:
        found = ask("GET", RUNS + "/{run_id}", run_id=name)
        assert (found["kind"], found["status"]) == (kind, "completed")
    searched = {"params": {"lambda_l2": 2.0, "columns": 0.7, "rounds": 30}, "seen_until": candle(540), "confirm": False}
    ask("POST", "/api/training/run-poc", {**BODY, **searched})
    alive = {"candle_date": candle(590), "live": True, "confirm": False, "folds": 2}
    live = ask("POST", "/api/training/run-poc", {**BODY, **alive})
    _work()
    for path in (POC, RUNS):
        assert ask("GET", path + "/{run_id}", run_id=run_id)["confirmation"]["pooled"]
        assert ask("GET", path + "/{run_id}", run_id=live["run_id"])["live_score"]["metrics"]
    return run_id


def _studies(ask: Asker) -> None:
    """In every state, stopped, cancelled and refused."""
    body = {**BODY, "trials": 10, "folds": 2, "space": {"num_leaves": [2, 8]}, "confirm": False}
    study_id = ask("POST", STUDIES, body, HTTP_IDEMPOTENCY_KEY="study")["study_id"]
    ask("POST", STUDIES, {**body, "folds": 3}, HTTP_IDEMPOTENCY_KEY="study")
    ask("POST", STUDIES, {**body, "space": {}})
    another = ask("POST", STUDIES, {**body, "seconds": 5, "rotated": True})["study_id"]
    for name in (study_id, another):
        assert ask("GET", STUDIES + "/{study_id}", study_id=name)["status"] == "queued"
    ask("POST", STUDIES + "/{study_id}/stop", study_id=study_id)
    ask("POST", STUDIES + "/{study_id}/cancel", study_id=another)
    _work()
    found = ask("GET", STUDIES + "/{study_id}", study_id=study_id)
    assert (found["ended_by"], found["trials"]) == ("stopped", 1) and found["run_id"]
    assert len(ask("GET", STUDIES + "/{study_id}/trials", study_id=study_id)) == 1
    for action in ("stop", "cancel"):
        ask("POST", STUDIES + "/{study_id}/" + action, study_id=study_id)
        ask("POST", STUDIES + "/{study_id}/" + action, study_id="none")
    for path in ("", "/trials"):
        ask("GET", STUDIES + "/{study_id}" + path, study_id="none")


def _hosts(ask: Asker) -> None:
    hosts.host_mark(cores=2, memory=8 * 10**9)
    assert [host["name"] for host in ask("GET", "/api/training/hosts")] == [hosts.HOST]
    for action in ("drain", "resume"):
        assert ask("POST", "/api/training/hosts/{name}/" + action, name=hosts.HOST)["drained"] == (action == "drain")
        ask("POST", "/api/training/hosts/{name}/" + action, name="nowhere")


def _suggestion(ask: Asker, user: User) -> None:
    """Without and with enough to learn from: a study over and over, at other candles, with a trial over and over."""
    path, query = "/api/training/suggestion", f"?symbol=SPY&candle_date={candle(590)}"
    assert ask("GET", path, query=query)["suggested"] is None
    ask("GET", path, query="?candle_date=someday")
    study = TrainingRun.objects.get(kind="study", status=Status.COMPLETED)
    trial, result = study.study_trials.get(), study.result
    for number in range(30):
        study.pk, study.run_id = None, f"study_{number}"
        study.result = {**result, "decision": candle(400 + number)}
        study.save()
        for each in range(7):
            trial.pk, trial.study, trial.number = None, study, each
            trial.save()
    run_create(spec=MetaFitSpec(), user=user)
    _work()
    figures = {"learner": "trees", "difference": 0.01, "p_value": 0.6, "level": 0.025}
    MetaLook.objects.create(k=1, month="2026-11", made_at=timezone.now(), pairs=12, rows=4_000, **figures)
    answer = ask("GET", path, query=query)
    assert answer["suggested"]["learner"] == "trees" and not answer["claim"]["better"]


def _ensemble(ask: Asker, run_id: str) -> str:
    """Of a run and another like it."""
    other = ask("POST", "/api/training/run-poc", {**BODY, "train_years": 1.5, "confirm": False})["run_id"]
    _work()
    made: str = ask("POST", "/api/training/ensembles", {"run_ids": [run_id, other]})["run_id"]
    ask("POST", "/api/training/ensembles", {"run_ids": [run_id]})
    _work()
    return made


def _universe_runs(ask: Asker) -> str:
    as_of = day_of(TRAINED - 1).isoformat()
    runs = [
        ask("POST", RUNS, {"universe": "few", "horizon": 5, "as_of": as_of})["run_id"],
        ask("POST", RUNS, WALK)["run_id"],
    ]
    ask("POST", RUNS, {"universe": "nothing"})
    for status in ("queued", "completed"):
        for run_id in runs:
            assert ask("GET", RUNS + "/{run_id}", run_id=run_id)["status"] == status
        if status == "queued":
            carry_next()
            carry_next()
            assert ask("GET", RUNS + "/{run_id}", run_id=runs[1])["folds"]
            ask("POST", RUNS + "/{run_id}/verify", run_id=runs[1])
            ask("POST", RUNS + "/{run_id}/control", run_id=runs[1])
            _work()
    _proofs(ask, runs)
    return str(runs[0])


def _proofs(ask: Asker, runs: list[str]) -> None:
    """Of a universe run and a walk, on their way and done; bars of a member have changed since."""
    series = Series.objects.get(instrument__symbol="AAA")
    change_after(series, load_bars(series), last=300)
    for verb, finding in (("verify", "identical"), ("control", "shuffled")):
        ask("POST", RUNS + "/{run_id}/" + verb, run_id="none")
        jobs = [ask("POST", RUNS + "/{run_id}/" + verb, run_id=run_id)["run_id"] for run_id in runs]
        for is_done in (False, True):
            for job in jobs:
                assert bool(ask("GET", RUNS + "/{run_id}", run_id=job)[finding]) is is_done
            _work()


def _sweeps(ask: Asker) -> str:
    """Two rows over candles of which one has too little history; the sweep's id."""
    body = {"symbol": "SPY", "candles": [candle(n) for n in (10, 300, 340)], "train_years": [0.5, 1.0]}
    sweep_id: str = ask("POST", SWEEPS, {**body, "test_window_size": 20}, HTTP_IDEMPOTENCY_KEY="s")["sweep_id"]
    ask("POST", SWEEPS, body, HTTP_IDEMPOTENCY_KEY="s")
    ask("POST", SWEEPS, {**body, "candles": ["someday"]})
    for status in ("queued", "completed"):
        for path in (SWEEP, RUNS + "/{run_id}"):
            assert ask("GET", path, sweep_id=sweep_id, run_id=sweep_id)["status"] == status
        _work()
    cell = {"candle_date": candle(300), "train_years": 1.0}
    ask("POST", SWEEP + "/promote", cell, sweep_id=sweep_id, HTTP_IDEMPOTENCY_KEY="p")
    ask("POST", SWEEP + "/promote", {**cell, "train_years": 0.5}, sweep_id=sweep_id, HTTP_IDEMPOTENCY_KEY="p")
    ask("POST", SWEEP + "/promote", {**cell, "candle_date": candle(10)}, sweep_id=sweep_id)
    ask("GET", SWEEP, sweep_id="none")
    ask("POST", SWEEP + "/promote", cell, sweep_id="none")
    _work()
    return sweep_id


def _predictions(ask: Asker, run_id: str) -> None:
    for query in ("", "?symbol=AAA"):
        ask("POST", PREDICTIONS, run_id=run_id, query=query)
        ask("GET", PREDICTIONS + "/columns", run_id=run_id, query=query)
        ask("GET", PREDICTIONS + "/performance", run_id=run_id, query=query)
    ask("GET", PREDICTIONS + "/performance", run_id=run_id, query=f"?end_date={candle(100)[:10]}")
    for method, path in (("POST", ""), ("GET", "/columns"), ("GET", "/performance")):
        ask(method, PREDICTIONS + path, run_id="none")
        ask(method, PREDICTIONS + path, run_id=run_id, query="?start_date=someday")
    etag = ask.client.get(f"/api/poc-predictions/{run_id}/columns")["ETag"]
    ask("GET", PREDICTIONS + "/columns", run_id=run_id, HTTP_IF_NONE_MATCH=etag)


def _models(ask: Asker, candle_run: str, ensemble: str, universe_run: str) -> None:
    """All kinds through the gate, out of use, and back; advice of the universe's."""
    reason = {"reason": "a test", "override": True}
    for run_id in (candle_run, ensemble, universe_run):
        model = ModelVersion.objects.select_related("run").get(run__run_id=run_id)
        version = model.version
        ask("GET", MODELS + "/{version}", version=version)
        ask("POST", MODELS + "/{version}/activate", {"reason": "a test"}, version=version)  # the gate refuses
        ask("POST", MODELS + "/{version}/activate", {**reason, "expected_active": "another"}, version=version)
        ask("POST", MODELS + "/{version}/activate", reason, version=version)
        ask("POST", MODELS + "/{version}/activate", reason, version=version)  # over itself, so that there is a way back
        ask("POST", MODELS + "/{version}/roll-back", {}, version=version)
        ask("GET", MODELS)
        ask("POST", MODELS + "/{version}/deactivate", {"reason": "a test"}, version=version)
        ask("POST", MODELS + "/{version}/deactivate", {"reason": "a test"}, version=version)
    for path in ("/activate", "/deactivate", "/roll-back"):
        ask("POST", MODELS + "/{version}" + path, {"reason": "a test"}, version="none")
        ask("POST", MODELS + "/{version}" + path, {"reason": 5}, version=version)
    ask("GET", MODELS + "/{version}", version="none")
    recommendations_make(model=model, as_of=day_of(TRAINED))
    assert ask("GET", "/api/recommendations")
    ask("GET", "/api/recommendations", query="?label=buy")
    ask("POST", "/api/recommendations/runs", {"universe": "few", "version": version})
    ask("POST", "/api/recommendations/runs", {"universe": "none"})
    ask("POST", "/api/recommendations/score", {})
    ask("POST", "/api/recommendations/score", {"universe": "few"})


def _every_kind(ask: Asker, user: User) -> None:
    """What the schedules do, the kind of the tests, and one run of each kind that there is."""
    for schedule in schedules_create(universe="few", user=user):
        schedule_run_now(schedule=schedule, user=user)
    run_create(spec=CountSpec(2), user=user)
    run_create(spec=CheckSpec(), user=user)
    run_create(spec=BackupSpec(), user=user)
    _work()
    for kind in recipes():
        run_id = TrainingRun.objects.filter(kind=kind).values_list("run_id", flat=True)[0]
        assert ask("GET", RUNS + "/{run_id}", run_id=run_id)["kind"] == kind


def _lists(ask: Asker) -> None:
    for path in (POC, RUNS, MODELS):
        assert len(ask("GET", path)) > 1
        ask("GET", path, query="?limit=0")
    for query in ("", "?on=2999-01-01", "?on=someday"):
        ask("GET", MODELS + "/history", query=query)
    ask("GET", "/api/training/latest-poc-run")


def _changes(ask: Asker) -> None:
    """To a candle run and a universe run that nobody takes: described, cancelled, deleted."""
    started = (("/api/training/run-poc", BODY, POC), (RUNS, {"universe": "few", "horizon": 5}, RUNS))
    for address, body, path in started:
        run_id = ask("POST", address, body)["run_id"]
        ask("PATCH", path + "/{run_id}", {"name": "A name", "tags": ["a"], "pinned": True}, run_id=run_id)
        ask("PATCH", path + "/{run_id}", {"name": 5}, run_id=run_id)
        ask("DELETE", path + "/{run_id}", run_id=run_id)
        ask("POST", path + "/{run_id}/cancel", run_id=run_id)
        ask("POST", path + "/{run_id}/cancel", run_id=run_id)
        ask("DELETE", path + "/{run_id}", run_id=run_id)
        for method in ("GET", "PATCH", "DELETE"):
            ask(method, path + "/{run_id}", {} if method == "PATCH" else None, run_id=run_id)
        ask("POST", path + "/{run_id}/cancel", run_id=run_id)


def _bodies(ask: Asker, **targets: str) -> None:
    """What a refusal of an unknown field lists as known is what the schema names."""
    for (method, path), operation in operations().items():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None or path in (BARS, MEMBERS, ACTIONS):
            continue
        documented = component(content["schema"])["properties"]
        named = {name: value for name, value in targets.items() if "{" + name + "}" in path}
        if path.startswith(POC + "/"):
            named = {"run_id": ModelVersion.objects.filter(kind="candle").values_list("run__run_id", flat=True)[0]}
        assert _known(ask(method, path, {"nonsense": 1}, **named)) == (set(documented) or {"none"}), path
        of_records = {n for n, schema in documented.items() if not {"items", "additionalProperties"} & set(schema)}
        for name in {"params", "walk_forward"} & of_records:
            inner = component(documented[name])["properties"]
            body = {"candle_date": candle(560)} if name == "params" else {}
            if path == "/api/training/ensembles":  # there they name a row
                body = {"sweep_id": targets["sweep_id"]}
            assert _known(ask(method, path, {**body, name: {"nonsense": 1}}, **named)) == set(inner), name


def _known(refusal: dict[str, list[str]]) -> set[str]:
    found = re.search(r"Known: ([^.]*)\.", refusal["nonsense"][0])
    assert found is not None
    return set(found[1].split(", "))


def _refusals(nobody: Asker, stranger: Asker) -> None:
    """401 and 403 of every operation."""
    for method, path in operations():
        names = {
            **{"run_id": "x", "study_id": "x", "sweep_id": "x", "version": "x", "symbol": "x", "name": "x"},
            "upload_id": NONE,
            "finding_id": "1",
        }
        variables = {name: value for name, value in names.items() if "{" + name + "}" in path}
        nobody(method, path, **variables)
        stranger(method, path, **variables)


def _about(run_id: str) -> list[tuple[str, str]]:
    return list(TrainingRun.objects.filter(subject__run_id=run_id).order_by("pk").values_list("kind", "run_id"))


def _work() -> None:
    """All that waits, carried to its end."""
    while carry_next():
        pass


def test_it_would_notice_a_key_too_many_and_one_too_few(witness: Witness) -> None:
    listed = {"symbol": "A", "name": "", "currency": "", "active": True, "timeframes": {}}
    witness.see("GET", "/api/instruments", 200, [listed])
    assert not witness.wrong and ("Instrument", "symbol") in witness.keys
    witness.see("GET", "/api/instruments", 200, [{**listed, "isin": "X"}])
    witness.see("GET", "/api/instruments", 200, [{name: listed[name] for name in ("symbol", "name", "currency")}])
    witness.see("GET", "/api/instruments", 418, {})
    assert len(witness.wrong) == 4 and "isin" in witness.wrong[0] and "418" in witness.wrong[3]
