"""Two hosts without a folder in common but for the files of models: each has a cache of bars of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boursomatic.env import ROOT
from instruments.store.read_bars import load_bars
from tests.faults.crew import environment
from tests.training.universe import change_after, make_universe
from training.artifacts.storage import artifact_storage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
TRAIN = ("train", "--universe", "few", "--horizon", "5", "--recipe", "honest", "--no-confirm", "--json")


def trained(home: Path) -> str:
    """The hash of the model that this host makes of what is stored."""
    here = {**environment(), "BOURSOMATIC_HOME": str(home), "BOURSOMATIC_HOST_NAME": home.name,
            "BOURSOMATIC_ARTIFACTS": artifact_storage().path("")}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", *TRAIN], cwd=ROOT, env=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return str(answer["model_hash"])


def test_no_host_trains_on_bars_that_another_has_changed(tmp_path: Path) -> None:
    members = make_universe("few")
    anvil, bellows = (tmp_path / name for name in ("anvil", "bellows"))
    before = trained(anvil)
    assert list((anvil / "columns").glob("*.npy")) and trained(bellows) == before == trained(anvil)
    bars = load_bars(members[0])
    change_after(members[0], bars, len(bars) // 2)
    assert trained(bellows) == trained(anvil) != before
