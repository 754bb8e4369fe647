"""A bucket of an S3 service that a machine reaches: moto, in its network."""

import contextlib
import os
from collections.abc import Iterator

from tests.deploy.machine import Machine
from tests.s3 import KEY, MOTO, Bucket, listening


@contextlib.contextmanager
def bucket_for(machine: Machine) -> Iterator[Bucket]:
    os.environ.update(KEY)
    with contextlib.ExitStack() as service:
        with machine.network():
            port = service.enter_context(listening("-c", MOTO, "-H", "127.0.0.1", "-p", "PORT"))
            made = Bucket("models-of-the-site", port)
            made.client.create_bucket(Bucket=made.name)
        yield made
