"""The files of an upload stored, one after the other."""

from uuid import UUID

from instruments.imports.report import Report
from instruments.imports.services import file_import
from instruments.imports.uploads import upload_find, upload_let_go, upload_paths
from instruments.models import Upload
from instruments.store.revisions import Origin
from training.errors import RunRefused
from training.models import Reason
from training.recipes.base import Completed, Work
from training.recipes.store.recipe import GONE
from training.recipes.store.spec import StoreSpec

LOST = "A file of the upload is missing in the artifact store. Upload the files again."
_NOTES = 3  # of what the import warns of, in the run's sentence


def execute(work: Work) -> Completed:
    """The result is the JSON of `import_bars`. Raises RunRefused where nothing can be stored."""
    spec = work.spec
    assert isinstance(spec, StoreSpec)
    upload = upload_find(UUID(spec.upload_id))
    if upload is None:
        raise RunRefused(Reason.BAD_DATA, GONE)
    try:
        imported = _imported(spec, upload, work)
    except FileNotFoundError as problem:
        raise RunRefused(Reason.INTEGRITY, LOST) from problem
    upload_let_go(upload=upload)
    if len(imported.refused) == len(upload.files):
        raise RunRefused(Reason.BAD_DATA, " ".join(imported.refused)[:2000])
    return Completed(result={"sentence": _sentence(imported), **imported.as_dict()})


def _imported(spec: StoreSpec, upload: Upload, work: Work) -> Report:
    """Raises FileNotFoundError, StoreFailed; what was stored before is unchanged when it is stored again."""
    imported = Report()
    for number, path in enumerate(upload_paths(upload)):
        work.progress.stage("store", number / len(upload.files), path.name)
        imported.add(
            file_import(
                path=path,
                symbol=spec.symbol,
                timeframe=spec.timeframe,
                source=spec.source,
                on_bad=spec.on_bad,
                universe=spec.universe or "",
                columns=spec.columns,
                date_order=spec.date_order or "",
                overwrite=spec.overwrite,
                origin=Origin(run_id=work.run.run_id, user=work.run.created_by),
            )
        )
    return imported


def _sentence(imported: Report) -> str:
    instruments = len(imported.instruments)
    counts = ("inserted", "updated", "unchanged", "rejected", "duplicates")
    text = f"{', '.join(f'{getattr(imported, name):,} {name}' for name in counts)} of {imported.read:,} rows"
    text += f"; {instruments} instrument{'s' if instruments != 1 else ''}"
    notes = [*imported.refused, *imported.warnings[:_NOTES]]
    return f"{text}. {' '.join(notes)}" if notes else text
