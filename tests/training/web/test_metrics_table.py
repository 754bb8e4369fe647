import pytest

from training.web.presenters.glossary import GLOSSARY
from training.web.presenters.metrics_table import METRICS, metric_lines, part_lines


def test_it_puts_the_reason_where_a_figure_is_undefined() -> None:
    train = {"accuracy": 0.6, "auc": 0.7, "accuracy_interval": [0.5, 0.7], "undefined": {}, "threshold": 0.5}
    test = {"accuracy": 0.5, "auc": None, "undefined": {"auc": "every candle went up"}}
    lines = {line.label: line.figures for line in metric_lines({"train_metrics": train, "test_metrics": test})}
    assert (lines["Accuracy"][0].low, lines["Accuracy"][0].high) == (0.5, 0.7)
    assert lines["AUC"][2].value is None and lines["AUC"][2].reason == "every candle went up"
    assert lines["Best threshold"][0].value == 0.5


def test_it_says_for_all_figures_that_a_live_run_has_no_test_window() -> None:
    test = {"auc": None, "undefined": {"all": "no test window"}}
    lines = metric_lines({"train_metrics": {"auc": 0.6}, "test_metrics": test})
    assert {line.figures[2].reason for line in lines if not line.is_baseline and line.label != "Best threshold"} == {
        "no test window"
    }


def test_it_holds_every_figure_against_what_comes_without_looking() -> None:
    part = {name: 0.6 for name, _ in METRICS} | {"base_rate": 0.75, "undefined": {}}
    found = {line.label: line.figures[0] for line in part_lines([part])}
    assert found["Accuracy"].baseline == found["Precision"].baseline == 0.75
    assert found["F1"].baseline == pytest.approx(1.5 / 1.75)
    assert (found["AUC"].baseline, found["MCC"].baseline, found["Recall"].baseline) == (0.5, 0, 1)
    assert found["Brier score"].baseline == pytest.approx(0.1875)
    assert found["Log-loss"].baseline == pytest.approx(0.5623, abs=1e-4)


def test_it_has_a_baseline_where_only_one_class_came() -> None:
    found = {line.label: line.figures[0] for line in part_lines([{"log_loss": 0.7, "f1": 0.0, "base_rate": 0.0}])}
    assert found["Log-loss"].baseline == 0 and found["F1"].baseline == 0


def test_it_explains_every_statistic() -> None:
    assert {line.note for line in part_lines([{}]) if line.note} <= set(GLOSSARY)
    assert all(all(vars(note).values()) for note in GLOSSARY.values())
