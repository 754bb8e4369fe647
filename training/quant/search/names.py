"""Words of a study's result. No third-party import: web processes load this module."""

YOURS, FOUND, STEADY = TAKEN = ("yours", "found", "steady")
LINEAR = {"max_depth", "columns"}  # parameters; the others are searched on a log scale
STOPPED, SECONDS, TRIALS, NO_GAIN = ENDED_BY = ("stopped", "seconds", "trials", "no_gain")
