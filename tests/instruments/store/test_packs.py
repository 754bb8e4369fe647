"""Files of the columnar cache: whole or not there, whatever happens to who writes them or to the disk."""

import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from boursomatic.env import ROOT
from instruments.store.packs import Layout, Piece, make_piece, read_pack, remove_oldest, write_pack

LAYOUT = Layout("bars", "<f8", 3)
WRITER = """
import sys
from pathlib import Path
from tests.instruments.store.test_packs import LAYOUT, pieces
from instruments.store.packs import write_pack
for number in range(int(sys.argv[3])):
    write_pack(Path(sys.argv[1]), pieces(int(sys.argv[2]), rows=20_000), LAYOUT)
"""


ON_A_SMALL_DISK = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1"'
IN_SMALL_FILES = 'ulimit -f 64 && exec "$2" -c "$3" "$1"'
FILLS_IT = """
import errno, os, sys
from pathlib import Path
from tests.instruments.store.test_packs import LAYOUT, numbers_of, pieces
from instruments.store.packs import read_pack, write_pack
path = Path(sys.argv[1]) / "bars-0.npy"
write_pack(path, pieces(1), LAYOUT)
for rows in (1_300, 2_000, 20_000):
    try:
        write_pack(path, pieces(2, rows=rows), LAYOUT)
    except OSError as problem:
        assert problem.errno in (errno.ENOSPC, errno.EFBIG)
    else:
        raise SystemExit("there was room")
    assert numbers_of(read_pack(path, LAYOUT)) == numbers_of(pieces(1))
    assert os.listdir(path.parent) == ["bars-0.npy"]
"""


def pieces(version: int, *, rows: int = 40) -> dict[int, Piece]:
    """Three, one of them empty; the same for the same version."""
    rng = np.random.default_rng(version)
    mark = bytes([version]) * 32
    return {key: make_piece(mark, rng.normal(size=(3, length))) for key, length in ((5, rows), (64, 0), (7, rows + 9))}


def numbers_of(pack: dict[int, Piece]) -> dict[int, tuple[bytes, bytes]]:
    """Of the intact ones."""
    return {key: (piece.mark, piece.numbers.tobytes()) for key, piece in pack.items() if piece.is_intact()}


def writer(path: Path, version: int, *, times: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(version), str(times)], cwd=ROOT)


def test_it_gives_back_what_was_written_read_only_and_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bars-0.npy"
    assert read_pack(path, LAYOUT) == {}
    write_pack(path, pieces(1), LAYOUT)
    pack = read_pack(path, LAYOUT)
    assert numbers_of(pack) == numbers_of(pieces(1)) and [piece.numbers.shape for piece in pack.values()] == [
        (3, 40),
        (3, 0),
        (3, 49),
    ]
    with pytest.raises(ValueError, match="read-only"):
        pack[5].numbers[0, 0] = 1.0
    write_pack(path, {key: pack[key] for key in (64, 7)}, LAYOUT)  # from one file into the next
    assert numbers_of(read_pack(path, LAYOUT)) == {key: numbers_of(pieces(1))[key] for key in (64, 7)}
    assert numbers_of(pack) == numbers_of(pieces(1))  # who has the old one mapped keeps it
    write_pack(path, {64: pieces(1)[64]}, LAYOUT)
    assert read_pack(path, LAYOUT)[64].is_intact()
    assert [one.name for one in path.parent.iterdir()] == ["bars-0.npy"]


def test_it_is_three_arrays_that_numpy_reads(tmp_path: Path) -> None:
    write_pack(tmp_path / "bars-0.npy", pieces(1), LAYOUT)
    with (tmp_path / "bars-0.npy").open("rb") as file:
        _seal, index, numbers = (np.load(file, allow_pickle=False) for _ in range(3))
    assert index["key"].tolist() == [5, 64, 7] and numbers.shape == (3 * 89,)
    assert numbers[:120].tobytes() == pieces(1)[5].numbers.tobytes()


def test_a_byte_that_changed_anywhere_makes_no_number_wrong(tmp_path: Path) -> None:
    path, right = tmp_path / "bars-0.npy", numbers_of(pieces(1))
    write_pack(path, pieces(1), LAYOUT)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        kept = numbers_of(read_pack(path, LAYOUT))
        assert kept.items() < right.items(), place  # the others stay right, at least one is missing


@pytest.mark.parametrize("length", [0, 1, 100, 167, 168, 300, 700, -2000, -9, -8, -1])
def test_a_file_that_was_cut_off_or_has_grown_counts_as_missing(
    length: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bars-0.npy"
    write_pack(path, pieces(1), LAYOUT)
    content = path.read_bytes()
    for changed in (content[:length], content + content[:length] + b"\0"):
        path.write_bytes(changed)
        with caplog.at_level(logging.WARNING, "boursomatic.columns"):
            assert read_pack(path, LAYOUT) == {}
        assert "bars-0.npy is made again" in caplog.text


def test_what_is_no_pack_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "bars-0.npy"
    write_pack(path, pieces(1), LAYOUT)
    assert read_pack(path, Layout("bars", "<f4", 3)) == read_pack(path, Layout("bars", "<f8", 4)) == {}
    np.save(path, np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    assert read_pack(path, LAYOUT) == {}
    path.write_bytes(os.urandom(5_000))
    assert read_pack(path, LAYOUT) == {}
    for length in (0, 200, 2**64 - 1):  # another release's lengths, whatever they are
        path.write_bytes(np.random.default_rng(length).bytes(128) + length.to_bytes(8, "little") + b"\xff" * 400)
        assert read_pack(path, LAYOUT) == {}
    path.unlink()
    path.mkdir()
    assert read_pack(path, LAYOUT) == {}


def test_a_killed_writer_leaves_the_pack_before_it_or_its_own(tmp_path: Path) -> None:
    path = tmp_path / "bars-0.npy"
    write_pack(path, pieces(0, rows=20_000), LAYOUT)
    for version in range(1, 6):
        process = writer(path, version, times=10_000)
        while not list(tmp_path.glob(".*")):  # it is in the midst of it
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        pack = numbers_of(read_pack(path, LAYOUT))
        assert pack in [numbers_of(pieces(one, rows=20_000)) for one in range(version + 1)]
    for left in tmp_path.glob(".*"):
        os.utime(left, (1, 1))
    remove_oldest(tmp_path, 10**9)
    assert [one.name for one in tmp_path.iterdir()] == ["bars-0.npy"]


def test_of_two_writers_at_once_readers_see_one_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "bars-0.npy"
    versions = [numbers_of(pieces(version, rows=20_000)) for version in (1, 2)]
    write_pack(path, pieces(1, rows=20_000), LAYOUT)
    processes = [writer(path, version, times=40) for version in (1, 2)]
    while any(process.poll() is None for process in processes):
        assert numbers_of(read_pack(path, LAYOUT)) in versions
    assert [process.returncode for process in processes] == [0, 0]
    assert numbers_of(read_pack(path, LAYOUT)) in versions
    assert [one.name for one in tmp_path.iterdir()] == ["bars-0.npy"]


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """As on a disk that has so many bytes left: writing on is an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1, 200, 8_192, 20_000])
def test_a_full_disk_leaves_the_pack_before_and_nothing_beside_it(size: int, tmp_path: Path) -> None:
    path = tmp_path / "bars-0.npy"
    write_pack(path, pieces(1), LAYOUT)
    with files_up_to(size), pytest.raises(OSError, match="File too large"):
        write_pack(path, pieces(2, rows=2_000), LAYOUT)
    assert numbers_of(read_pack(path, LAYOUT)) == numbers_of(pieces(1))
    assert [one.name for one in tmp_path.iterdir()] == ["bars-0.npy"]


def test_a_disk_that_is_full_leaves_the_pack_before_and_nothing_beside_it(tmp_path: Path) -> None:
    """A real one of 64 KB, in a mount namespace of its own; where nobody may mount, files of at most 32 KB."""
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    mount = [*inside, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    may_mount = not subprocess.run(mount, check=False, capture_output=True).returncode
    shell = [*inside, "sh", "-c", ON_A_SMALL_DISK] if may_mount else ["sh", "-c", IN_SMALL_FILES]
    done = subprocess.run([*shell, "sh", str(tmp_path), sys.executable, FILLS_IT], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_it_removes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    paths = [tmp_path / f"bars-{number}.npy" for number in range(4)]
    for age, path in enumerate(paths):
        write_pack(path, pieces(1), LAYOUT)
        os.utime(path, (time.time() - 1_000 * age,) * 2)
    assert len(read_pack(paths[3], LAYOUT)) == 3  # used just now
    size = paths[0].stat().st_size
    remove_oldest(tmp_path, 4 * size)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    remove_oldest(tmp_path, 2 * size + 5)
    assert {path.name for path in tmp_path.iterdir()} == {"bars-0.npy", "bars-3.npy"}
    remove_oldest(tmp_path, 0)
    assert not list(tmp_path.iterdir())
