"""All tables of what we know, a file a family: `from instruments.models import Series`."""

from instruments.models.bars import (
    REPAIR,
    ActionKind,
    BarRevision,
    CorporateAction,
    Feature,
    FeatureState,
    PriceBar,
    RevisionKind,
)
from instruments.models.health import PRESENT, RANKS, CalendarSession, Finding, FindingState, Severity
from instruments.models.imports import ReadingSettings, Source, Upload
from instruments.models.instruments import (
    NO_PRICES,
    SYMBOL_PATTERN,
    Basis,
    Instrument,
    Series,
    Timeframe,
    Universe,
    UniverseMember,
)

# fmt: off
__all__ = [
    "NO_PRICES", "PRESENT", "RANKS", "REPAIR", "SYMBOL_PATTERN", "ActionKind", "BarRevision", "Basis",
    "CalendarSession", "CorporateAction", "Feature", "FeatureState", "Finding", "FindingState", "Instrument",
    "PriceBar", "ReadingSettings", "RevisionKind", "Series", "Severity", "Source", "Timeframe", "Universe",
    "UniverseMember", "Upload",
]
# fmt: on
