"""CSV that a spreadsheet opens without taking a text for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from predictions.candle.compare import Comparison

RISKY = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Numbers stay numbers; None is empty; a text that a spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value


def comparison_rows(comparison: Comparison) -> list[list[object]]:
    """One column for each run."""
    rows: list[list[object]] = [
        ["", *(run.run_id for run in comparison.runs)],
        ["Instrument", *(run.config["symbol"] for run in comparison.runs)],
        *(list[object]([name, *values]) for name, values in comparison.settings),
        ["Verdict", *comparison.verdicts],
    ]
    for line in comparison.lines:
        rows.append([f"Test: {line.label}", *(figure.value for figure in line.figures)])
        if any(figure.low is not None for figure in line.figures):
            rows.append([f"Test: {line.label}, low", *(figure.low for figure in line.figures)])
            rows.append([f"Test: {line.label}, high", *(figure.high for figure in line.figures)])
    if comparison.common:
        against = comparison.common.against
        rows += [
            [f"Common candles: AUC of {comparison.common.rows}", *(difference.figure.value for difference in against)],
            ["Common candles: difference from the first", *(difference.difference for difference in against)],
            ["Common candles: p", *(difference.p_value for difference in against)],
            ["Common candles: adjusted p (Holm)", *(difference.adjusted for difference in against)],
        ]
    return rows
