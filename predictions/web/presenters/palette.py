"""What the palette finds: pages, instruments, universes, runs, models and documentation, a few of each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Q, QuerySet, Value, When
from django.urls import reverse

from boursomatic.docs import docs
from boursomatic.shared.pages import NAV_ITEMS
from instruments.models import Instrument, Universe
from training.models import Description, ModelVersion, TrainingRun

MOST = 10  # of each kind
PAGES = (
    *((item.label, item.route) for item in NAV_ITEMS),
    ("Scorecard", "scorecard"),
    ("Drift", "drift"),
    ("Model history", "model-history"),
    ("Recommend or replay", "recommend-new"),
    ("Train a universe", "universe-new"),
    ("Sweep candles and settings", "sweep-new"),
    ("Notices", "notices"),
    ("Password and tokens", "account"),
    ("Documentation", "docs"),
)
ADMIN_PAGES = (("Members", "members"), ("Audit", "audit"), ("Backups", "backups"))


@dataclass(frozen=True)
class Destination:
    """Somewhere to go; `note` tells those of one name apart."""

    label: str
    note: str
    address: str


def palette(text: str, *, is_admin: bool = False) -> list[dict[str, Any]]:
    """Groups of places whose name has `text` in it, those that begin with it first; without a text the pages. Runs and
    models without a given name go by the beginning of their id, which an index knows."""
    text = text.strip()
    pages = PAGES + ADMIN_PAGES if is_admin else PAGES
    groups = {
        "Pages": [Destination(label, "", reverse(route)) for label, route in pages if text.lower() in label.lower()]
    }
    if text:
        runs = _runs(text)
        groups |= {
            "Instruments": list(_instruments(text)),
            "Universes": list(_universes(text)),
            "Runs": [_run(run) for run in runs[:MOST]],
            "Models": [_model(model) for model in _models(text, runs)],
            "Documentation": [
                Destination(page.title, "", page.address)
                for page in docs().values()
                if text.lower() in page.title.lower()
            ],
        }
    return [
        {"label": label, "places": [asdict(place) for place in places[: len(pages) if label == "Pages" else MOST]]}
        for label, places in groups.items()
        if places
    ]


def _instruments(text: str) -> Iterator[Destination]:
    rows = Instrument.objects.filter(Q(symbol__icontains=text) | Q(name__icontains=text))
    for instrument in _beginning_first(rows, "symbol", text):
        address = f"{reverse('backtest')}?{urlencode({'symbol': instrument.symbol})}"
        yield Destination(instrument.symbol, instrument.name, address)


def _universes(text: str) -> Iterator[Destination]:
    for universe in _beginning_first(Universe.objects.filter(name__icontains=text), "name", text):
        yield Destination(universe.name, "", reverse("universe", args=[universe.name]))


def _runs(text: str) -> list[TrainingRun]:
    named = Description.objects.filter(name__icontains=text).order_by("-pk").values_list("pk", flat=True)[:MOST]
    begun = TrainingRun.objects.filter(run_id__startswith=text).order_by("-run_id").values_list("pk", flat=True)[:MOST]
    runs = TrainingRun.objects.existing().filter(pk__in=[*named, *begun]).newest_first()
    return list(runs.select_related("series__instrument", "description").defer("detail", "result", "error_trace"))


def _models(text: str, runs: list[TrainingRun]) -> QuerySet[ModelVersion]:
    begun = ModelVersion.objects.filter(version__startswith=text).order_by("-version").values_list("pk", flat=True)
    rows = ModelVersion.objects.existing().filter(Q(pk__in=list(begun[:MOST])) | Q(run__in=runs))
    return rows.select_related("run__description", "series__instrument").order_by("-pk")[:MOST]


def _run(run: TrainingRun) -> Destination:
    name, subject = _name(run), str(run.series or run.universe or "")
    note = f"{subject} · {run.run_id}" if name else subject
    return Destination(name or run.run_id, note, reverse("run", args=[run.run_id]))


def _model(model: ModelVersion) -> Destination:
    name, subject = _name(model.run), str(model.series or model.universe)
    note = f"{subject} · {model.version}" if name else subject
    return Destination(name or model.version, note, reverse("model-gate", args=[model.version]))


def _name(run: TrainingRun) -> str:
    description = getattr(run, "description", None)
    return description.name if description else ""


def _beginning_first(rows: QuerySet[Any], column: str, text: str) -> QuerySet[Any]:
    begins = Case(When(**{f"{column}__istartswith": text}, then=Value(0)), default=Value(1))
    return rows.order_by(begins, column)[:MOST]
