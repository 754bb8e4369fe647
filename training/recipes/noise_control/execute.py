"""The noise control of a candle run carried out."""

from training.quant.candle.noise_control import control_candle
from training.quant.candle.verdict import LEVEL
from training.recipes.base import Completed, Work
from training.recipes.candle.data import candle_data, widest_spec


def execute(work: Work) -> Completed:
    """PROTOCOL §5.3: where the run's test AUC lies among those of labels rotated in time."""
    spec, series = work.spec, work.run.series
    assert series is not None
    data = candle_data(series, widest_spec(spec))
    rotation = control_candle(
        data.bars,
        decision=data.decision,
        spec=spec,
        on_draw=lambda done, todo: work.progress.stage("draws", done / todo, f"draw {done + 1} of {todo}"),
    )
    if rotation is None:
        sentence = "There is no test window with both classes to compare with."
        return Completed(result={"sentence": sentence, "rotated": [], "real": None})
    reached = sum(auc >= rotation.real for auc in rotation.rotated)
    among = f"{reached} of {len(rotation.rotated)} rotated runs did as well or better"
    ordinary = rotation.share >= LEVEL
    result = {
        "real": rotation.real,
        "rotated": rotation.rotated,
        "share": rotation.share,
        "sentence": f"With its labels rotated in time, {among} (AUC {rotation.real:.2f}): "
        + ("what this run shows, noise shows too." if ordinary else "the run stands out from noise in this window."),
    }
    return Completed(result=result)
