"""The body that stores an upload, as the API's schema tells it. `spec` reads it."""

from typing import Annotated

from boursomatic.shared.records import Body, Meta, about, choice
from instruments.imports.report import REJECT
from instruments.models import Timeframe
from training.recipes.store.spec import DATE_ORDERS, ON_BAD

Timeframes = Annotated[str, choice(Timeframe.values)]
DateOrder = Annotated[str, choice(DATE_ORDERS)]
Source = Annotated[str, Meta(max_length=60)]


class StoreRequest(Body):
    """How to store it; what is left out or null is as the files say it."""

    columns: Annotated[dict[str, str] | None, about('Field -> column, "" for none; else as recognised')] = None
    symbol: Annotated[str | None, about("The instrument of files that hold one")] = None
    timeframe: Timeframes | None = None
    date_order: Annotated[DateOrder | None, about("Which number comes first in dates as 03/04/2012")] = None
    source: Annotated[Source | None, about("Where the bars come from; else each file's name")] = None
    on_bad: Annotated[str, choice(ON_BAD, "reject: a bad row and nothing of its file is stored")] = REJECT
    universe: Annotated[str | None, about("Put what is stored into this set of instruments")] = None
    overwrite: Annotated[bool | None, about("Else bars that another source stored stay, and count as rejected")] = False
