"""Names of the candle features' groups and of the sets that they make. Light: web processes load this module."""

NEXT_OPEN = "raw_o_next"  # the only group that knows something of the next bar
FEATURE_GROUPS = ("shape", "returns", "volume", "distance", "volatility", "ma5", "raw", "timeframe", NEXT_OPEN)
FEATURE_SETS = {
    "scale_free": ("shape", "returns", "volume", "distance", "volatility"),
    "poc16": ("shape", "raw", "timeframe"),
}


def feature_groups(feature_set: str) -> tuple[str, ...]:
    """Of a named set, or of groups joined by "+"."""
    return FEATURE_SETS.get(feature_set) or tuple(feature_set.split("+"))


def feature_set_name(groups: tuple[str, ...]) -> str:
    """That of the set with these groups, in whatever order, else the groups in their own order, joined by "+"."""
    chosen = tuple(group for group in FEATURE_GROUPS if group in groups)
    return next((name for name, own in FEATURE_SETS.items() if own == chosen), "+".join(chosen))
