"""What a study found, in a sentence. Log-losses are inner ones, of the folds that the search looked at: none of them
says what unseen candles will show."""

from training.quant.search.names import FOUND, STEADY
from training.quant.search.study import Conclusion, SearchTrial
from training.quant.search.winner import ERRORS, Gain


def study_sentence(conclusion: Conclusion, *, user: SearchTrial, trials: int, is_rotated: bool) -> str:
    """Of a study of so many `trials`, the first of which are the user's values."""
    best, many = conclusion.best, f"{trials} search trials"
    if best is None or best.log_loss is None:
        return f"All {many} failed, so your values are kept."
    if is_rotated:
        return f"With its labels rotated in time, the best of {many} has an inner log-loss of {best.log_loss:.4f}."
    if user.log_loss is None or conclusion.gain is None or conclusion.steady_gain is None:
        return "Your values could not be fitted on every fold, so there is nothing to compare with: they are kept."
    return _compared(conclusion, best.log_loss, user.log_loss, many)


def _compared(conclusion: Conclusion, best: float, yours: float, many: str) -> str:
    assert conclusion.gain is not None and conclusion.steady_gain is not None
    if conclusion.taken == STEADY:
        figures = f"{conclusion.steady.log_loss:.4f}, yours {yours:.4f}"
        return f"Steady is taken: its inner log-loss is {figures}; {_gain(conclusion.steady_gain)}."
    if conclusion.taken == FOUND:
        figures = f"{best:.4f}, yours {yours:.4f}"
        return f"The best of {many} is taken: its inner log-loss is {figures}; {_gain(conclusion.gain)}."
    if best == yours:
        return f"Keep yours: none of {many} has a lower inner log-loss than {yours:.4f}."
    return (
        f"Keep yours: the best of {many} has an inner log-loss of {best:.4f}, yours {yours:.4f}; "
        f"{_gain(conclusion.gain)}, and more than {ERRORS:g} standard errors are needed."
    )


def _gain(gain: Gain) -> str:
    return f"{gain.mean:.4f} better with a standard error of {gain.error:.4f}"
