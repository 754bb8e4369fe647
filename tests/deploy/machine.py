"""A Debian root that plays a machine or a container: processes, mounts and network of its own, gone with its init.

All mounts are made inside a mount namespace of the init and vanish with it: the host never sees one, so that removing
the root's folder removes nothing else.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.deploy import registries
from tests.faults.crew import children, until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OF_ROOT = {"HOME": "/root", "LANG": "C.UTF-8", "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
REAPER = ("bash", "-c", "trap : CHLD; while :; do sleep infinity & wait $!; done")  # bash waits for orphans, too
SUPPLY = """set -eu
root=$1 shm=$2 supplied=$3; shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o "mode=1777,size=$shm" shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
"""
ENTER = """exec 9>&"$supplied" {supplied}>&-
exec /usr/sbin/chroot "$root" sh -c 'echo >&9; exec 9>&- "$@"' sh "$@"
"""  # it is supplied once it is within: whoever entered a moment earlier would be on the host
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _IFF_UP = 0x8913, 0x8914, 0x8916, 1
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """For roots. Removed at the end, never across a mount."""
    made = Path(tempfile.mkdtemp(prefix="boursomatic-deploy-"))
    made.chmod(0o755)  # other users work below it
    try:
        yield made
    finally:
        assert str(made) not in Path("/proc/mounts").read_text()
        subprocess.run(["rm", "-rf", "--one-file-system", made], check=True)


def debian(suite: str, root: Path) -> None:
    """A clean one: the smallest system."""
    made = subprocess.run(
        ["unshare", "--mount", "debootstrap", "--variant=minbase", suite, root, registries.mirror(suite)],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-3000:]
    (root / "etc/apt/apt.conf.d/99host").write_text(registries.apt_settings())
    (root / "etc/dpkg/dpkg.cfg.d/docker-apt-speedup").write_text("force-unsafe-io\n")  # as in Docker's images


class Machine:
    """`init` is its process 1. Its network is loopback alone, or that of `beside`, or with `online` the host's.
    `binds` are paths of the host, and where the root finds them."""

    def __init__(
        self,
        root: Path,
        init: Sequence[str] = REAPER,
        *,
        environment: Mapping[str, str] = OF_ROOT,
        binds: Mapping[Path, str] | None = None,
        tmpfs: Sequence[str] = (),
        read_only: bool = False,
        shm: str = "64m",
        online: bool = False,
        beside: "Machine | None" = None,
    ) -> None:
        self.root = root
        self.environment = dict(environment)
        script = [SUPPLY]
        for source, target in (binds or {}).items():
            _make_target(source, inside := root / target.lstrip("/"))
            script.append(f"mount --bind '{source}' '{inside}'")
        script += [f"mount -t tmpfs -o mode=1777 tmpfs '{root}{target}'" for target in tmpfs]
        script += ['mount -o remount,bind,ro "$root"'] if read_only else []
        apart = [] if online or beside else ["--net"]
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  (as long as the machine)
        reader, supplied = os.pipe()
        with beside.network() if beside else contextlib.nullcontext():
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation=private", "--pid", *apart, "--fork", "--kill-child",
                 "bash", "-c", "\n".join([*script, ENTER]), "bash", root, shm, str(supplied), *init],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=[supplied],
                preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509  (one thread here)
            )  # fmt: skip
        os.close(supplied)
        with os.fdopen(reader, "rb") as told:
            assert told.readline(), self.printed()
        self.pid = children(self._process.pid)[0]
        assert Path(f"/proc/{self.pid}/root").samefile(root)
        if apart:
            with self.network():
                _loopback_up()

    def printed(self) -> str:
        """What its process 1 did."""
        self.log.seek(0)
        return self.log.read()

    def command(self, *command: str, online: bool = False) -> list[str]:
        """What runs `command` in it; `online`: but in the network of whoever calls."""
        network = [] if online else ["--net"]
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--ipc", *network, "--root", "--wd", *command]

    def run(self, *command: str, online: bool = False, **environment: str) -> str:
        """What it printed; a failure ends the test with that."""
        done = subprocess.run(
            self.command(*command, online=online), env={**self.environment, **environment}, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout[-5000:]}"
        return done.stdout

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Sockets that this thread makes, and what it starts, are in the machine's network."""
        with Path("/proc/thread-self/ns/net").open() as before, Path(f"/proc/{self.pid}/ns/net").open() as within:
            _set_network(within.fileno())
            try:
                yield
            finally:
                _set_network(before.fileno())

    def take_address(self, address: str) -> None:
        """One more than loopback's."""
        with self.network(), socket.socket() as any_socket:
            asked = struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton(address))
            fcntl.ioctl(any_socket, _SIOCSIFADDR, asked)

    def stop(self) -> int:
        """As a container is stopped: process 1 is told. Its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        until(lambda: self._process.poll() is not None, what="the end of process 1")
        return self._process.returncode

    def remove(self) -> None:
        self._process.kill()
        self._process.wait()
        until(lambda: not Path(f"/proc/{self.pid}").exists(), what="the end of all processes")
        self.log.close()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def _make_target(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()


def _set_network(handle: int) -> None:
    if _libc.setns(handle, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _loopback_up() -> None:
    with socket.socket() as any_socket:
        asked = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
