"""The process that reads an upload: `python -m instruments.imports.reader ARGUMENTS`.

A process of its own, because a file may be made to take all memory there is. It is started, not forked, by a thread of
the web server; it forks itself once for each file, from its main thread, so that one bad file costs no other.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from boursomatic.env import Env
from boursomatic.shared import logs
from boursomatic.shared.processes import die_with_parent
from instruments.imports.reading import read_upload
from instruments.imports.schema import FileReading, Preview, ReadingOptions, StagedReading
from instruments.imports.staging import Staging

MEMORY = 1024**3  # bytes that reading a file may take: one of 50 MB takes about 450 MB
CPU_S = 60  # that it may take of a core: one of 50 MB takes 3, or 10 where it isn't plain text
WALL_S = 300  # that it may take on a busy machine
_NO_MEMORY = 3  # exit code
_TOO_MUCH = "Reading this file takes more memory than it may have. Split it."
_TOO_LONG = f"Reading this file takes longer than {CPU_S} s. Split it."
_ENDED = "Reading this file was ended from outside. Upload it again."


def main(arguments: str) -> None:
    logs.configure(logs.log_format(Env.read()))
    upload_id, reading, names, stored = json.loads(arguments)
    staging, options = Staging(upload_id), msgspec.convert(stored, ReadingOptions)
    for number, name in enumerate(names):
        with staging.copy(number, name) as path:
            refusal = apart(partial(_read, staging, reading, number, path, options))
        if refusal:
            staging.put_reading(reading, number, refused(name, refusal), {})
    staging.end_reading(reading)


def refused(name: str, refusal: str) -> StagedReading:
    """Of a file that was not read to its end."""
    return StagedReading(FileReading(name, {}, refusal), Preview(name, [], [], []))


def apart(job: Callable[[], None], *, memory: int = MEMORY, cpu_s: int = CPU_S, wall_s: int = WALL_S) -> str:
    """Do `job` in a child with these limits. The sentence why it came to nothing, "" where it is done."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _live(job, parent, memory, cpu_s, wall_s)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        by_memory = number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)  # native code whose allocation failed
        return _TOO_LONG if number in (signal.SIGALRM, signal.SIGXCPU) else _TOO_MUCH if by_memory else _ENDED
    code = os.waitstatus_to_exitcode(status)
    return "" if code == 0 else _TOO_MUCH if code == _NO_MEMORY else "This file can't be read."


def _live(job: Callable[[], None], parent: int, memory: int, cpu_s: int, wall_s: int) -> None:
    """The child's life; whatever happens it ends here."""
    code = 1
    try:
        die_with_parent(parent)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        signal.alarm(wall_s)
        job()
        code = 0
    except MemoryError:
        code = _NO_MEMORY
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _read(staging: Staging, reading: int, number: int, path: Path, options: ReadingOptions) -> None:
    staging.put_reading(reading, number, *read_upload(path, path.name, options))


if __name__ == "__main__":
    main(sys.argv[1])
