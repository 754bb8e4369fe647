"""Words of a study's result. No third-party import: web processes load this module."""

YOURS, FOUND, STEADY = TAKEN = ("yours", "found", "steady")
STOPPED, SECONDS, TRIALS, NO_GAIN = ENDED_BY = ("stopped", "seconds", "trials", "no_gain")
