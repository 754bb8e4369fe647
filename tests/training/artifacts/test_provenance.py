"""The code hash covers every file that decides what a model becomes."""

from pathlib import Path

from training.artifacts.provenance import QUANT, quant_files

ROOT = Path(__file__).resolve().parents[3]


def test_it_hashes_the_quant_code_of_every_subfolder() -> None:
    hashed = {path.relative_to(ROOT).as_posix() for path in quant_files()}
    assert {"training/quant/candle/spec.py", "training/quant/universe/spec.py", "training/quant/labels.py"} <= hashed
    assert {"instruments/quant/bars.py", "instruments/quant/features/candle.py"} <= hashed
    assert hashed == {path.relative_to(ROOT).as_posix() for room in QUANT for path in (ROOT / room).glob("**/*.py")}
