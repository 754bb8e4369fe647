"""Recommendations asked for over the API: on the newest bar, on a past day, replayed over many; and scoring."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from predictions.models import RecommendationSet
from predictions.recommendations.days import coverage_of
from predictions.recommendations.score import scored_days, scored_days_apart
from tests.people import ApiOf
from tests.predictions.advised import TRAINED, advised, day_of
from tests.training.carrying import carry
from training.models import Status, TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both]
ASK, SCORE = "/api/recommendations/runs", "/api/recommendations/score"


def executed(answer: Any) -> TrainingRun:
    assert answer.status_code == 202, answer.json()
    assert set(answer.json()) == {"started", "run_id", "message"}
    return carry(TrainingRun.objects.get(run_id=answer.json()["run_id"]))


def test_it_speaks_on_the_newest_bar_and_says_how_old_that_is(alice: User, bob: User, api: ApiOf) -> None:
    model = advised()
    answer = api(alice).post(ASK, {"universe": "few"})
    age = f"newest bar {day_of(419)}, {coverage_of('few').sessions_old:,} sessions old"
    assert age in answer.json()["message"]
    run = executed(answer)
    assert run.result["sentence"] == f"{model.version}: {day_of(419)} ({age})" and run.result["is_stale"]
    shown = api(bob).get(f"/api/training/runs/{run.run_id}").json()
    assert (shown["kind"], shown["status"], shown["created_by"]) == ("recommend", "completed", "alice")
    assert api(bob).get("/api/training/runs").json() == [] or all(
        one["kind"] != "recommend" for one in api(bob).get("/api/training/runs").json()
    )
    rows = api(bob).get("/api/recommendations", {"as_of": str(day_of(419))}).json()
    assert len(rows) == 6 and not any(row["replay"] or row["in_sample"] for row in rows)


def test_it_speaks_of_a_past_day_and_says_what_was_said_before(alice: User, api: ApiOf) -> None:
    model, day = advised(), day_of(410)
    body = {"universe": "few", "as_of": str(day), "version": model.version}
    assert executed(api(alice).post(ASK, body)).result["sentence"] == f"{model.version}: {day}"
    assert executed(api(alice).post(ASK, body)).result["sentence"].endswith(f"{day}, as before")
    made = RecommendationSet.objects.get()
    assert (made.as_of, made.replay, made.in_sample) == (day, False, False)


def test_a_replay_is_of_unseen_days_only_and_counts_apart(alice: User, carol: User, api: ApiOf) -> None:
    model, known = advised(), coverage_of("few")
    said_in_time = executed(api(alice).post(ASK, {"universe": "few", "as_of": str(day_of(412))}))
    assert said_in_time.result["day"] == str(day_of(412))
    replay = {"from": str(day_of(390)), "to": str(known.newest + timedelta(days=9)), "every": "week"}
    run = executed(api(alice).post(ASK, {"universe": "few", "replay": replay}))
    sets = {made.as_of: made for made in RecommendationSet.objects.filter(replay=True)}
    assert run.result["replayed"] == len(sets) >= 2
    assert min(sets) >= day_of(TRAINED - 1) and max(sets) < known.newest
    assert len({day.isocalendar()[:2] for day in sets}) == len(sets)
    assert executed(api(carol).post(SCORE, {})).result["scored"] == 6 * sum(
        day <= day_of(414) for day in [*sets, day_of(412)]
    )
    assert [day for day, _ in scored_days()[model.version][1]] == [day_of(412)]
    assert [day for day, _ in scored_days_apart()[1][model.version][1]] == sorted(sets)
    again = executed(api(alice).post(ASK, {"universe": "few", "replay": replay}))
    assert (again.result["replayed"], again.result["before"]) == (0, len(sets))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"universe": "none"}, "universe"),
        ({"universe": "few", "version": "nothing"}, "version"),
        ({"universe": "few", "as_of": "1980-01-01"}, "as_of"),
        ({"universe": "few", "as_of": "2999-01-01"}, "as_of"),
        ({"universe": "few", "as_of": "soon"}, "as_of"),
        ({"universe": "few", "as_of": True}, "as_of"),
        ({"universe": "few", "in_sample": "yes"}, "in_sample"),
        ({"universe": "few", "asof": "2020-01-01"}, "asof"),
        ({"universe": "few", "replay": {"from": "2020-01-01"}}, "to"),
        ({"universe": "few", "replay": {"from": "2020-01-02", "to": "2020-01-01"}}, "to"),
        ({"universe": "few", "replay": {"from": "1990-01-02", "to": "1990-03-01"}}, "replay"),
        ({"universe": "few", "replay": {"from": "2020-01-01", "to": "2020-02-01", "every": "day"}}, "every"),
        ({"universe": "few", "replay": []}, "replay"),
        ({"universe": "{every}"}, "universe"),
        ([], "detail"),
    ],
)
def test_it_refuses_at_once_what_cannot_be_and_names_the_field(body: Any, field: str, alice: User, api: ApiOf) -> None:
    advised()
    answer = api(alice).post(ASK, body)
    assert answer.status_code == 400 and set(answer.json()) == {field}
    assert not TrainingRun.objects.filter(kind="recommend").exists()


def test_it_is_for_trainers_and_scoring_for_managers(alice: User, bob: User, carol: User, api: ApiOf) -> None:
    advised()
    assert api(bob).post(ASK, {"universe": "few"}).status_code == 403
    assert api(alice).post(SCORE, {}).status_code == 403
    assert executed(api(carol).post(SCORE, {})).status == Status.COMPLETED
    assert api(carol).post(SCORE, {"universe": "few"}).json() == {"universe": ["Unknown field. Known: none."]}
