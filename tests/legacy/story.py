"""The story that a database of release 0.1.0 tells: few members, few series, and something of everything.

Run in a checkout of commit ffb32d8 (0.1.0); make.py does it. `python -m tests.legacy.story` tells it into an empty
database named by DATABASE_URL, with artifacts under BOURSOMATIC_HOME, and prints what `ask` needs to know of it.

Told with the settings of the tests: their SECRET_KEY signs what waits in the queue, so it must stay what it is.
"""

import io
import json
import os
import socket
import sys
from datetime import date, timedelta
from typing import Any

import django
import numpy as np

socket.gethostname = lambda: "legacy"  # what is stored must not name a machine
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
if home := os.environ.get("BOURSOMATIC_HOME"):
    os.environ["BOURSOMATIC_TEST_HOME"] = home
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db.models.functions import Now  # noqa: E402
from django.test import Client  # noqa: E402
from django_q.brokers import get_broker  # noqa: E402
from django_q.models import OrmQ  # noqa: E402
from instruments.services import bars_write  # noqa: E402
from training.endings import Ending  # noqa: E402
from training.execution import run_execute  # noqa: E402
from training.quant.spec import parse_candle_spec  # noqa: E402

from boursomatic.accounts.roles import Role, Scope  # noqa: E402
from boursomatic.accounts.tokens import token_create  # noqa: E402
from instruments.models import Instrument, Series, Universe  # noqa: E402
from instruments.quant.bars import Bars  # noqa: E402
from predictions import carrying, schedules  # noqa: E402
from predictions.models import RecommendationSet, Schedule  # noqa: E402
from tests.people import PASSWORD, make_person  # noqa: E402
from tests.training.quant.noise import noise_bars  # noqa: E402
from training import leases, removal, services  # noqa: E402
from training.models import Kind, ModelVersion, Status, TrainingRun  # noqa: E402
from training.quant import universe_fit  # noqa: E402

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
BARS, DAYS = 760, 308  # of the two candle series, and of each member of the universe
TRAINED, RESTLESS = 276, 278  # bars that the first universe model has seen; after so many the market turns restless
HORIZON = 5
KEY = "an idempotency key"


class Teller:
    """Acts as people do: through the API with a token, and as a worker of this process."""

    def __init__(self) -> None:
        people = {"alice": Role.TRAINER, "bob": Role.VIEWER, "carol": Role.MANAGER}
        self.people = {name: make_person(name, role) for name, role in people.items()}
        of = {"alice": (Scope.READ, Scope.PREDICT, Scope.TRAIN), "bob": (Scope.READ,), "carol": tuple(Scope)}
        self.tokens = {
            name: token_create(user=self.people[name], scopes=scopes, days=3650, name=f"{name}'s notebook")[1]
            for name, scopes in of.items()
        }

    def ask(self, name: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        said = Client().generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            "application/json",
            headers={"Authorization": f"Token {self.tokens[name]}", **headers},
        )
        if said.status_code >= 300:
            raise RuntimeError(f"{method} {path}: {said.status_code} {said.content[:500]!r}")
        return json.loads(said.content) if said.content else None

    def work(self) -> None:
        """Carries all that is queued, as a worker would, and takes the kicks out of the queue."""
        while (turn := leases.next_queued()) is not None:
            token = leases.claim(turn, host="legacy", pid=4711)
            assert token is not None
            try:
                run_execute(run_pk=turn, token=token)
            except Exception as problem:
                end = Ending.of_exception(problem)
                if end.reason is None or end.trace:
                    raise
                leases.finish(turn, token, status=Status.FAILED, error=end.sentence, error_reason=end.reason)
        while OrmQ.objects.exists():
            get_broker().dequeue()

    def train(self, symbol: str, candle: int, *, by: str = "alice", key: str = "", **more: Any) -> str:
        """A candle run, to its end; its id."""
        asked = {"candle_date": _day(candle), "symbol": symbol, "train_years": 1.0, "confirm": False, **more}
        headers = {"Idempotency-Key": key} if key else {}
        run_id: str = self.ask(by, "POST", "/api/training/run-poc", asked, **headers)["run_id"]
        self.work()
        return run_id


def story() -> dict[str, Any]:
    """Into an empty database: what to ask of it afterwards."""
    call_command("migrate", "--no-input", verbosity=0)
    teller = Teller()
    _prices(last=BARS - 1)
    runs = _candles(teller)
    _predictions(teller, runs["noise"])
    _candle_activations(teller, runs)
    _universe(teller)
    waiting = _waiting(teller, runs)
    return {
        "token": teller.tokens["alice"],
        "password": PASSWORD,
        "asks": _asks(runs["noise"]),
        "waiting": waiting,
        "queue": _queue(),
    }


def _prices(*, last: int) -> None:
    """PLA has a planted signal, NOI and the members of `few` have none; `thin` has too few bars to train on."""
    few, thin = (Universe.objects.create(name=name) for name in ("few", "thin"))
    for symbol, bars in _bars().items():
        instrument = Instrument.objects.create(symbol=symbol, name=f"Made-up {symbol}", currency="EUR")
        series = Series.objects.create(instrument=instrument, timeframe="1d")
        bars_write(series=series, bars=bars.slice(0, min(len(bars), last)), source="made up")
        if symbol in SYMBOLS:
            few.instruments.add(instrument)
        if symbol == "TINY":
            thin.instruments.add(instrument)


def _bars() -> dict[str, Any]:
    """Prices with few digits, so that the dumps stay small."""
    made = {
        "PLA": noise_bars(BARS, seed=11, planted=0.8),
        "NOI": noise_bars(BARS, seed=12),
        "TINY": noise_bars(30, seed=13),
        **{symbol: noise_bars(DAYS, seed=20 + i) for i, symbol in enumerate(SYMBOLS)},
    }
    for symbol in SYMBOLS:  # what comes later is not as it was in training: drift is noticed
        calm, wild = made[symbol], noise_bars(DAYS, seed=sum(map(ord, symbol)), volatility=0.05)
        scale = calm.close[RESTLESS - 1] / wild.close[RESTLESS - 1]
        columns = {
            name: np.concatenate([getattr(calm, name)[:RESTLESS], getattr(wild, name)[RESTLESS:] * by])
            for name, by in dict.fromkeys(("open", "high", "low", "close", "adj_close"), scale).items()
        }
        volume = np.concatenate([calm.volume[:RESTLESS], wild.volume[RESTLESS:] * 30])
        made[symbol] = Bars(calm.time, volume=volume, **columns)
    prices = ("open", "high", "low", "close")
    return {
        symbol: Bars(
            bars.time,
            *(getattr(bars, name).round(2) for name in prices),
            bars.volume.round(-3),
            bars.close.round(2),
        )
        for symbol, bars in made.items()
    }


def _day(position: int) -> str:
    """The day of the bar at this position, of every series."""
    return (date(2000, 1, 3) + timedelta(days=position // 5 * 7 + position % 5)).isoformat()


def _candles(teller: Teller) -> dict[str, str]:
    """Runs in every state but running, which a worker that is stopped for an upgrade gives back."""
    alice = teller.people["alice"]
    runs = {
        "planted": teller.train("PLA", 690, confirm=True, key=KEY),
        "weak": teller.train("PLA", 650, test_window_size=60),
        "noise": teller.train("NOI", 690, confirm=True),
        "poc": teller.train("NOI", 630, protocol="poc"),
        "live": teller.train("NOI", 740, live=True, by="carol"),
        "deleted": teller.train("NOI", 680, params={"num_leaves": 15}),
        "swept": teller.train("NOI", 660, params={"num_leaves": 15}),
    }
    noise = TrainingRun.objects.select_related("series__instrument").get(run_id=runs["noise"])
    for kind in (Kind.CONTROL, Kind.VERIFICATION):
        services.job_create(kind=kind, run=noise, user=alice)
        teller.work()
    asked = {"candle_date": _day(690), "symbol": "NOI", "train_years": 1.0, "params": {"learning_rate": 0.1}}
    again = services.candle_run_create(user=alice, spec=parse_candle_spec(asked), parent=noise)
    teller.work()
    runs["again"] = again.run_id
    words = {"name": "The first look", "notes": "Nothing there.\nTry less.", "tags": ["noise", "q1"], "pinned": True}
    teller.ask("alice", "PATCH", f"/api/training/poc-runs/{runs['noise']}", words)
    call_command("train_poc", "--symbol", "PLA", "--selected_candle_date", _day(705), "--train_years", "1",
                 "--no_confirm", "--json", stdout=io.StringIO())  # fmt: skip

    body = {"candle_date": _day(670), "symbol": "NOI", "train_years": 1.0}
    runs["cancelled"] = teller.ask("alice", "POST", "/api/training/run-poc", body)["run_id"]
    teller.ask("alice", "POST", f"/api/training/poc-runs/{runs['cancelled']}/cancel")
    runs["failed"] = teller.ask("alice", "POST", "/api/training/run-poc", body)["run_id"]
    failing = TrainingRun.objects.get(run_id=runs["failed"]).pk
    for _ in range(leases.MAX_ATTEMPTS):
        token = leases.claim(failing, host="legacy", pid=4711)
        assert token is not None
        leases.give_back(failing, token, "The worker was lost")
    for name in ("deleted", "swept"):
        teller.ask("alice", "DELETE", f"/api/training/poc-runs/{runs[name]}")
    swept = TrainingRun.objects.filter(run_id=runs["swept"])
    swept.update(deleted_at=Now() - removal.UNDO - timedelta(seconds=1))  # in place of waiting ten minutes
    removal.sweep_deleted(10)
    teller.work()
    return runs


def _predictions(teller: Teller, run_id: str) -> None:
    """Kept while their outcome is open; then the next bar comes and scores them."""
    path = f"/api/poc-predictions/{run_id}?start_date={_day(750)}"
    teller.ask("alice", "POST", path)
    series = Series.objects.get(instrument__symbol="NOI")
    bars_write(series=series, bars=_bars()["NOI"], source="made up")
    teller.ask("alice", "POST", path)


def _candle_activations(teller: Teller, runs: dict[str, str]) -> None:
    """Activated, replaced, rolled back, deactivated, and another one activated."""

    def act(name: str, verb: str, **more: Any) -> None:
        reason = f"{verb.replace('-', ' ')}: {name}"
        teller.ask("carol", "POST", f"/api/models/candle-{runs[name]}/{verb}", {"reason": reason, **more})

    act("noise", "activate", override=True, expected_active=None)
    act("again", "activate", override=True)
    act("again", "roll-back")
    act("noise", "deactivate")
    act("poc", "activate", override=True)
    act("planted", "activate", override=True)


def _universe(teller: Teller) -> None:
    """Features, two runs, a walk, advice of a month that is scored, what drift says, and the usual schedules."""
    universe_fit.TREES = 15  # of 100: the files are small then, and their form is the same
    quiet = {"stdout": io.StringIO()}
    call_command("compute_features", "--universe", "few", "--json", **quiet)

    def run(**more: Any) -> str:
        asked = {"universe": "few", "horizon": HORIZON, "buy_threshold": 0.02, **more}
        run_id: str = teller.ask("alice", "POST", "/api/training/runs", asked)["run_id"]
        teller.work()
        return run_id

    champion = run(as_of=_day(TRAINED - 1))
    version = TrainingRun.objects.get(run_id=champion).result["version"]
    why = {"reason": "Nothing better yet", "override": True, "expected_active": None}
    teller.ask("carol", "POST", f"/api/models/{version}/activate", why)
    run(as_of=_day(TRAINED + 15))
    walk = run(walk_forward={"folds": 2, "step": 20})
    run(universe="thin")
    words = {"name": "Two folds", "tags": ["walk", "q1"]}
    teller.ask("alice", "PATCH", f"/api/training/runs/{walk}", words)

    call_command("recommend", "--universe", "few", "--as-of", _day(TRAINED - 10), "--in-sample", "--json", **quiet)
    for position in range(DAYS - 28, DAYS - 2):
        call_command("recommend", "--universe", "few", "--as-of", _day(position), "--json", **quiet)
    call_command("score_recommendations", "--json", **quiet)

    carol = teller.people["carol"]
    schedules.schedules_create(universe="few", user=carol)
    for job in ("recommend", "score", "drift", "retrain"):
        schedule = Schedule.objects.get(job=job)
        if job == "retrain":
            schedules.schedule_rule(schedule=schedule, user=carol, on=True)
        schedules.schedule_run_now(schedule=schedule, user=carol)
        claimed = schedules.schedule_claim(schedule.pk)
        assert claimed is not None
        carrying.schedule_work(claimed)
        teller.work()
    retraining = Schedule.objects.get(job="retrain")
    Schedule.objects.filter(pk=retraining.pk).update(run_id="", kicked_at=None)  # as `schedule_carry` does
    carrying.schedule_settle(retraining)
    schedules.schedule_switch(schedule=Schedule.objects.get(job="drift"), user=carol, on=False)


def _waiting(teller: Teller, runs: dict[str, str]) -> list[str]:
    """What no worker has taken when the release ends: a candle run, a universe run, a job about a finished run, and a
    schedule told to run. Their kicks are django-q2's rows of that release."""
    about = TrainingRun.objects.select_related("series__instrument").get(run_id=runs["planted"])
    body = {"candle_date": _day(700), "symbol": "PLA", "train_years": 1.0, "confirm": False}
    candle = teller.ask("alice", "POST", "/api/training/run-poc", body, **{"Idempotency-Key": "another key"})
    of_few = {"universe": "few", "horizon": HORIZON, "as_of": _day(TRAINED + 5)}
    universe = teller.ask("alice", "POST", "/api/training/runs", of_few)
    job = services.job_create(kind=Kind.VERIFICATION, run=about, user=teller.people["alice"])
    schedules.schedule_run_now(schedule=Schedule.objects.get(job="score"), user=teller.people["carol"])
    return [candle["run_id"], universe["run_id"], job.run_id]


def _queue() -> list[list[Any]]:
    """What each kick calls, as django-q2 keeps it."""
    return [[one.task["func"], *one.task["args"]] for one in OrmQ.objects.order_by("pk")]


def _asks(asked_run: str) -> list[dict[str, Any]]:
    every = list(TrainingRun.objects.order_by("pk").values_list("run_id", "kind", "deleted_at"))
    candles = [run_id for run_id, kind, _ in every if kind == Kind.CANDLE]
    versions = list(ModelVersion.objects.order_by("pk").values_list("version", flat=True))
    days = [day.isoformat() for day in RecommendationSet.objects.order_by("as_of").values_list("as_of", flat=True)]
    dates = f"start_date={_day(730)}&end_date={_day(BARS)}"
    whole = [
        "/api/training/poc-runs",
        *(f"/api/training/poc-runs/{run_id}" for run_id in candles),
        "/api/training/latest-poc-run",
        "/api/training/latest-poc-run?mine=1",
        "/api/training/runs",
        *(f"/api/training/runs/{run_id}" for run_id, kind, _ in every if kind != Kind.CANDLE),
        f"/api/training/runs/{asked_run}",
        "/api/models",
        *(f"/api/models/{version}" for version in versions),
        "/api/models/history",
        "/api/models/history?on=2999-01-01",
        "/api/models/history?on=1999-01-01",
        *(f"/api/recommendations?as_of={day}" for day in dict.fromkeys((days[0], *days[1:3], days[-2], days[-1]))),
        "/api/recommendations?symbol=AAA&limit=3",
        "/api/instruments",
        f"/api/instruments/NOI/bars?start={_day(710)}",
        f"/api/instruments/AAA/bars?start={_day(200)}&price=adjusted",
        f"/api/poc-predictions/{asked_run}/performance?{dates}",
        f"/api/poc-predictions/{asked_run}/columns?{dates}",
    ]
    runs = [
        *(f"kind={kind}" for kind in ("candle", "universe", "walk")),
        *(f"status={status}" for status in ("queued", "completed", "failed", "cancelled")),
        *(f"verdict={label}" for label in ("evidence", "weak", "no_evidence")),
        *("symbol=PLA", "person=carol", "tag=q1", "pinned=yes", "text=first", "mine=1", "limit=3"),
    ]
    rows = [
        *((f"/api/training/runs?{query}", "run_id") for query in runs),
        *((f"/api/training/poc-runs?{query}", "run_id") for query in runs),
        *(
            (f"/api/models?{query}", "version")
            for query in ("kind=candle", "kind=universe", "active=yes", "symbol=NOI")
        ),
        *((f"/api/recommendations?label={label}&limit=200", "symbol") for label in ("BUY", "HOLD", "SELL")),
    ]
    pages = ["/", "/runs/", "/models/", "/models/history/", "/tries/", "/tries/?symbol=NOI", "/recommendations/",
             "/recommendations/scorecard/", "/recommendations/drift/", "/schedules/", "/instruments/", "/backtest/",
             "/workers/", f"/predictions/records/{asked_run}", *(f"/models/{version}/" for version in versions),
             *(f"/runs/{run_id}/" for run_id, kind, gone in every if kind != Kind.FOLD and not gone)]  # fmt: skip
    return [
        *({"method": "GET", "path": path} for path in whole),
        *({"method": "GET", "path": path, "only": only} for path, only in rows),
        {"method": "POST", "path": f"/api/poc-predictions/{asked_run}?{dates}&threshold=0.55"},
        {"method": "POST", "path": f"/api/poc-predictions/{asked_run}?{dates}&symbol=PLA"},
        *({"path": path, "as": "bob"} for path in pages),
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(story()))
