#!/usr/bin/python3
"""systemctl of a machine without systemd: does with our unit files what systemd would, as far as they ask for it.

    systemctl [enable --now | start | stop | restart | reload | is-active] UNIT…

Standard library only, for it is put into the machine. Units of Debian's packages are started by their init scripts.
"""

import configparser
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
STATE = Path("/run/systemctl")
KNOWN = {
    "Type", "NotifyAccess", "KillMode", "TimeoutStopSec", "TimeoutStartSec", "WatchdogSec", "User", "WorkingDirectory",
    "EnvironmentFile", "ExecStart", "Restart", "RestartSec", "NoNewPrivileges", "PrivateTmp", "ProtectSystem",
    "ProtectHome", "ReadWritePaths", "MemoryMax", "OOMPolicy",
}  # fmt: skip
CONFINED = """set -e
for path in $1; do mount --bind "$path" "$path"; done
mount -o remount,bind,ro /
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=0 tmpfs /home
mount -t tmpfs -o mode=0 tmpfs /root
cd "$2"; user=$3; shift 3
exec setpriv --reuid="$user" --regid="$user" --init-groups --no-new-privs -- "$@"
"""


class Unit:
    def __init__(self, name: str) -> None:
        self.name = name.removesuffix(".service")
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string((UNITS / f"{self.name}.service").read_text())
        self.service = dict(parser["Service"])
        if unknown := self.service.keys() - KNOWN:
            sys.exit(f"{self.name}: this systemctl doesn't know {', '.join(unknown)}")
        self.pids = STATE / f"{self.name}.pids"  # of who watches it, and of its main process

    def start(self) -> None:
        if self.pids.exists():
            return
        STATE.mkdir(exist_ok=True)
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            os.close(reader)
            self._watch(writer)
            os._exit(0)
        os.close(writer)
        if not os.read(reader, 1):
            sys.exit(f"{self.name} did not start:\n{self._log().read_text()}")

    def _watch(self, told: int) -> None:
        """Process of its own: starts the service, says so once it is ready, ends it when told to."""
        stopped = False

        def stop(_signal: int, _frame: object) -> None:
            nonlocal stopped
            stopped = True

        signal.signal(signal.SIGTERM, stop)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, self._log().open("ab") as log:
            address = STATE / f"{self.name}.notify"
            address.unlink(missing_ok=True)
            notices.bind(str(address))
            address.chmod(0o666)
            notices.settimeout(0.1)
            for handle in (0, 1, 2):
                os.dup2(log.fileno(), handle)
            main = self._started(address, log.fileno())
            while main.poll() is None and not stopped:
                with contextlib.suppress(TimeoutError):
                    if b"READY=1" in notices.recv(4096):
                        self.pids.write_text(f"{os.getpid()} {main.pid}")
                        os.write(told, b"1")
            self._end(main)
        self.pids.unlink(missing_ok=True)

    def _started(self, notices: Path, log: int) -> "subprocess.Popen[bytes]":
        service = self.service
        lines = Path(service["EnvironmentFile"]).read_text().splitlines()
        variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        confined = [
            "bash",
            "-c",
            CONFINED,
            "bash",
            service["ReadWritePaths"],
            service["WorkingDirectory"],
            service["User"],
        ]
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", *confined, *shlex.split(service["ExecStart"])],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8",
                 "USER": service["User"], "HOME": f"/var/lib/{service['User']}", "NOTIFY_SOCKET": str(notices),
                 **variables},
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def _end(self, main: "subprocess.Popen[bytes]") -> None:
        """KillMode=mixed: the main process is told; what is left after it, or after the time for it, is killed."""
        main.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            main.wait(float(self.service["TimeoutStopSec"]))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(main.pid, signal.SIGKILL)
        self._log().open("a").write(f"ended: {main.wait()}\n")

    def stop(self) -> None:
        if self.pids.exists():
            os.kill(int(self.pids.read_text().split()[0]), signal.SIGTERM)
            while self.pids.exists():
                time.sleep(0.05)

    def restart(self) -> None:
        self.stop()
        self.start()

    def is_active(self) -> None:
        if not self.pids.exists():
            sys.exit(f"{self.name} is not active:\n{self._log().read_text()}")

    def _log(self) -> Path:
        return STATE / f"{self.name}.log"


def main(verb: str, *arguments: str) -> None:
    if Path("/proc/self/ns/net").readlink() != (network := Path("/proc/1/ns/net")).readlink():
        os.execvp("nsenter", ["nsenter", f"--net={network}", *sys.argv])  # the machine's own, whoever calls
    names = [name for name in arguments if name != "--now"]
    for name in names:
        if (UNITS / f"{name}.service").exists():
            unit = Unit(name)
            {"enable": unit.start, "start": unit.start, "stop": unit.stop, "restart": unit.restart,
             "is-active": unit.is_active}[verb]()  # fmt: skip
        else:
            subprocess.run([f"/etc/init.d/{name}", verb], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
