"""A site whose chunks go to a Dask cluster."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dask_cluster import DaskCluster, cluster_in


@pytest.fixture(scope="package")  # its six processes are never quite idle
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with cluster_in(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture
def dask_engine(settings: Any, dask_cluster: DaskCluster) -> DaskCluster:
    """Chunks of the test's own process go there."""
    for name, value in dask_cluster.django_settings.items():
        setattr(settings, name, value)
    return dask_cluster
