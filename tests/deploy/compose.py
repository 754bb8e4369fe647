"""Runs services of compose.yaml as `docker compose` would, with no container engine."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.containerfile import Image
from tests.deploy.machine import Machine

# What a service may say here. Another key is to be understood before it is relied on.
OBEYED = {"image", "command", "env_file", "read_only", "cap_drop", "security_opt", "tmpfs", "volumes", "shm_size"}
OF_THE_ENGINE = {"build", "depends_on", "healthcheck", "mem_limit", "restart", "stop_grace_period"}


def services(file: Path) -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["services"]
    return read


def variables(env_file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", env_file.read_text(), re.MULTILINE))


@dataclass
class Project:
    """Containers of one image, with their volumes below `folder`, in one network."""

    image: Image
    folder: Path
    env_file: Path
    services: dict[str, dict[str, Any]]
    network: Machine

    def start(self, name: str) -> Machine:
        """The service's container; its process 1 is the service's command."""
        service = self.services[name]
        assert service.keys() <= OBEYED | OF_THE_ENGINE, f"not understood: {service.keys() - OBEYED - OF_THE_ENGINE}"
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        return Machine(
            self.image.root,
            self.as_user(service.get("command", self.image.command)),
            environment={"HOME": f"/var/lib/{self.image.user}", **self.image.environment, **variables(self.env_file)},
            binds={**self._volumes(service), self._hosts(): "/etc/hosts"},
            tmpfs=service["tmpfs"],
            read_only=service["read_only"],
            shm=service.get("shm_size", "64m"),
            beside=self.network,
        )

    def as_user(self, command: Sequence[str]) -> list[str]:
        """As the image's user, without a capability and without a way to one."""
        user = self.image.user
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs", "--inh-caps=-all",
                "--bounding-set=-all", "env", f"--chdir={self.image.folder}", *command]  # fmt: skip

    def execute(self, container: Machine, *command: str, **environment: str) -> str:
        return container.run(*self.as_user(command), **environment)

    def is_healthy(self, name: str, container: Machine) -> bool:
        """By the service's own check, as the engine asks it."""
        kind, *command = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        asked = container.command(*self.as_user(command))
        return subprocess.run(asked, env=container.environment, check=False, capture_output=True).returncode == 0

    def _hosts(self) -> Path:
        file = self.folder / "hosts"
        file.write_text(f"127.0.0.1 localhost {' '.join(self.services)}\n")
        return file

    def _volumes(self, service: dict[str, Any]) -> dict[Path, str]:
        """A new volume begins as what the image holds at its place, owner and mode included."""
        bound = {}
        for name, target in (volume.split(":") for volume in service["volumes"]):
            bound[self.folder / name] = target
            if not (self.folder / name).exists():
                subprocess.run(
                    ["cp", "--archive", self.image.root / target.lstrip("/"), self.folder / name], check=True
                )
        return bound
