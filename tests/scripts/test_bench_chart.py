"""`scripts/bench chart` where only what the platform itself needs is installed."""

import sys

import pytest

from scripts.benchmarks.chart import _draws
from scripts.benchmarks.site import Site


def test_it_measures_the_rest_without_the_test_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "playwright", None)
    assert _draws(Site("http://127.0.0.1:9", "", {}), "run", 5) == []
    assert "requirements-dev.txt" in capsys.readouterr().out
