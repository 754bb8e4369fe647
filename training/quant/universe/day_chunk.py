"""What a universe's model says of one day's rows, as a pure function of its files and of these rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.chunks import Arrays, Chunk
from training.quant.universe.model import Floats, Ints, Singles, read_universe_model

_FILE = "file."  # begins the names of the model's files


def day_chunk(
    files: Mapping[str, bytes], hashes: Mapping[str, str], features: Singles, *, sigma: Floats, order: Ints
) -> Chunk:
    """`files` of SERVED with their SHA-256; the rest as `UniverseModel.predict`."""
    arrays: dict[str, NDArray[Any]] = {"features": features, "sigma": sigma, "order": order}
    arrays |= {f"{_FILE}{name}": np.frombuffer(content, dtype=np.uint8) for name, content in files.items()}
    return Chunk("day", {"hashes": {name: hashes[name] for name in files}}, arrays)


def work_out(spec: Mapping[str, Any], arrays: Arrays) -> Iterator[bytes]:
    """Predictions, as bytes. Raises Integrity."""
    texts = {name.removeprefix(_FILE): arrays[name].tobytes() for name in arrays if name.startswith(_FILE)}
    model = read_universe_model(texts, spec["hashes"])
    yield model.predict(arrays["features"], sigma=arrays["sigma"], order=arrays["order"]).to_bytes()
