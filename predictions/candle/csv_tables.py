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


def comparison_rows(found: Comparison) -> list[list[object]]:
    """One column for each run."""
    rows: list[list[object]] = [
        ["", *(run.run_id for run in found.runs)],
        ["Instrument", *(run.config["symbol"] for run in found.runs)],
        *(list[object]([name, *values]) for name, values in found.settings),
        ["Verdict", *found.verdicts],
    ]
    for line in found.lines:
        rows.append([f"Test: {line.label}", *(figure.value for figure in line.figures)])
        if any(figure.low is not None for figure in line.figures):
            rows.append([f"Test: {line.label}, low", *(figure.low for figure in line.figures)])
            rows.append([f"Test: {line.label}, high", *(figure.high for figure in line.figures)])
    if found.common:
        against = found.common.against
        rows += [
            [f"Common candles: AUC of {found.common.rows}", *(one.figure.value for one in against)],
            ["Common candles: difference from the first", *(one.difference for one in against)],
            ["Common candles: p", *(one.p_value for one in against)],
            ["Common candles: adjusted p (Holm)", *(one.adjusted for one in against)],
        ]
    return rows
