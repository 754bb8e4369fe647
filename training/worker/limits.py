"""How much memory and time the process of a run may take: more, the more bars its universe has."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from instruments.universes import universe_bars
from training.recipes.kinds import recipe_of

# Measured for 3M and 12.5M bars (docs/speed.md): a run takes 350 bytes of address space a bar and at most 300 of
# memory; one that is verified holds its bars twice. `phase22` takes 0.08 ms a bar on two cores with nothing else on
# them, where others may be.
BYTES_A_BAR = 800  # of address space; what isn't in memory of them is mapped of files
SECONDS_A_BAR = 1.2e-3
FOR_RUNS = 0.8  # share of the memory
_GROUP = Path("/sys/fs/cgroup")
_MAPPED = 0.5  # share of BYTES_A_BAR that needs no room in memory


@dataclass(frozen=True)
class Limits:
    """`memory`: bytes of address space above the size at the fork; `seconds` from then on."""

    memory: int
    seconds: float


def limits_of(kind: str, universe: str | None) -> Limits:
    """Of a run of that kind about that universe, if about any: what its recipe says, and more by the number of bars, as
    far as the host has it now and the queue waits."""
    recipe = recipe_of(kind)
    bars = universe_bars(universe) if universe else 0
    if not bars:
        return Limits(recipe.memory, recipe.time_limit_s)
    more = bars * BYTES_A_BAR
    memory = min(recipe.memory + more, available_memory() + int(_MAPPED * more))
    seconds = min(recipe.time_limit_s + bars * SECONDS_A_BAR, 0.9 * settings.TASK_TIMEOUT_S)
    return Limits(max(recipe.memory, memory), seconds)


def available_memory() -> int:
    """Bytes that processes here can still have: of the host, and of the container if it has a bound."""
    host = _of_host("MemAvailable")
    with suppress(OSError, ValueError):  # no such bound, or "max"
        bound = int((_GROUP / "memory.max").read_text()) - int((_GROUP / "memory.current").read_text())
        return min(host, max(0, bound))
    return host


def whole_memory() -> int:
    """Bytes that all runs here may have together, likewise: the rest is for those who look after them."""
    whole = _of_host("MemTotal")
    with suppress(OSError, ValueError):
        whole = min(whole, int((_GROUP / "memory.max").read_text()))
    return int(FOR_RUNS * whole)


def _of_host(name: str) -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024
