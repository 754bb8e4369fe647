"""The body that stores an upload, as the API's schema tells it. `spec` reads it."""

from typing import Annotated

from boursomatic.shared.records import Body, Meta, about, choice, spelled
from instruments.imports.report import REJECT
from instruments.models import Timeframe
from instruments.quant.ingest.checks import SYMBOL
from instruments.quant.ingest.headers import FIELDS
from training.recipes.store.spec import DATE_ORDERS, ON_BAD

Timeframes = Annotated[str, choice(Timeframe.values)]
DateOrder = Annotated[str, choice(DATE_ORDERS)]
OnBad = Annotated[str, choice(ON_BAD)]
Source = Annotated[str, Meta(min_length=1, max_length=60)]
Columns = dict[Annotated[str, choice(FIELDS)], Annotated[str, Meta(max_length=200)]]
Symbol = Annotated[str, spelled(SYMBOL.pattern)]
NewUniverse = Annotated[str, spelled("(?!all$)[A-Za-z0-9_-]{1,40}")]


class StoreRequest(Body):
    """How to store it; what is left out or null is as the files say it."""

    columns: Annotated[Columns | None, about('Field -> column, "" for none; else as recognised')] = None
    symbol: Annotated[Symbol | None, about("The instrument of files that hold one")] = None
    timeframe: Timeframes | None = None
    date_order: Annotated[DateOrder | None, about("Which number comes first in dates as 03/04/2012")] = None
    source: Annotated[Source | None, about("Where the bars come from; else each file's name")] = None
    on_bad: Annotated[OnBad | None, about("reject: a bad row and nothing of its file is stored")] = REJECT
    universe: Annotated[NewUniverse | None, about("Put what is stored into this set of instruments")] = None
    overwrite: Annotated[bool | None, about("Else bars that another source stored stay, and count as rejected")] = False
