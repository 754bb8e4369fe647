"""What is left over after the market: an intercept and its test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Intercept:
    """`error` is its standard error; `p_value` one-sided, of an intercept above 0."""

    alpha: float
    error: float
    t: float
    p_value: float


def intercept_test(values: Floats, regressor: Floats) -> Intercept | None:
    """Ordinary least squares of (n,) `values` on (n,) `regressor` and an intercept; errors HC3 (MacKinnon & White 1985)
    and p from Student's t with n - 2 degrees of freedom. No NaN. None for fewer than 4 values, where either is
    constant, and where the line goes through a value because the regressor is constant without it: no error."""
    n = len(values)
    if n < 4:
        return None
    centred = regressor - regressor.mean()
    spread = float((centred * centred).sum())
    leverage = 1.0 / n + centred * centred / (spread or 1.0)
    if spread <= 0.0 or leverage.max() > 1.0 - 1e-9 or np.ptp(values) <= 0.0:
        return None
    slope = float((centred * values).sum()) / spread
    alpha = float(values.mean()) - slope * float(regressor.mean())
    outside = (values - alpha - slope * regressor) / (1.0 - leverage)
    influence = 1.0 / n - regressor.mean() * centred / spread  # of each value on alpha
    error = float(np.sqrt(((influence * outside) ** 2).sum()))
    if error <= 1e-12 * float(np.abs(values).max()):
        return None
    t = alpha / error
    return Intercept(alpha, error, t, float(stdtr(n - 2, -t)))
