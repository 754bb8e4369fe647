"""Errors that mean that nothing can be written: a full disk, a quota, a file system that has become read-only."""

import errno
import re

from django.db import DatabaseError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)  # EFBIG: ulimit -f
# SQLite's and PostgreSQL's words. "disk I/O error" is what SQLite makes of a write that the kernel refused.
_WORDS = re.compile("disk is full|No space left|disk I/O error|readonly database|read-only transaction")


def cannot_write(problem: BaseException) -> bool:
    if isinstance(problem, OSError):
        return problem.errno in _NUMBERS
    return isinstance(problem, DatabaseError) and _WORDS.search(str(problem)) is not None
