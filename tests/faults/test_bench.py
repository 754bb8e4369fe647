"""The fault bench in small: random kills of every kind of process over a queue of runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boursomatic.env import ROOT
from scripts.benchmarks.faults import DATABASES, ZEROS
from tests.faults.scale import times

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.mark.parametrize("database", DATABASES)
def test_it_loses_nothing_whatever_is_killed(database: str, tmp_path: Path) -> None:
    runs, kills = times(16, 500), times(8, 200)
    outcome = tmp_path / "faults.json"
    bench = [sys.executable, "-m", "scripts.benchmarks", "faults", "--on", database, "--output", str(outcome)]
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run([*bench, "--runs", str(runs), "--kills", str(kills)], cwd=ROOT, env=env, check=False)
    result = json.loads(outcome.read_text())[database]
    assert {name: result[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0)
    assert done.returncode == 0
    assert result["runs"] >= runs
    assert sum(result["kills"].values()) > kills / 2
