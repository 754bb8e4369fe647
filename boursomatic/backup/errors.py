"""What a person may be told when a site can't be backed up or restored."""

from boursomatic.shared.stores import StoreFailed


class BackupRefused(Exception):
    """One sentence or two: what happened, and what to do."""


def reason_of(problem: OSError) -> str:
    """An error of the disk, or of a store of files, in words, with the path that it is about."""
    if isinstance(problem, StoreFailed):
        return str(problem).rstrip(".")
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{(problem.strerror or str(problem)).lower()}"
