"""What a backup leaves behind. Paths of the host are not among it: every member may read a run."""

from typing import Annotated

from boursomatic.shared.records import Stored, about


class BackupResult(Stored):
    """A whole backup."""

    sentence: str
    name: Annotated[str, about("Of its folder")]
    sha256: Annotated[str, about("Of its manifest, which has every other file's")]
    bytes: Annotated[int, about("Of all its files")]
    files: Annotated[int, about("Files of models")]
    linked: Annotated[int, about("Of these, shared with the backup before")]
    removed: Annotated[list[str], about("Older backups that were removed")]
