"""Stream configurations, and what is read back from them."""

import pytest

from ferry.contract import topology
from ferry.contract.jetstream import partitions_of, stream_config


@pytest.mark.parametrize("partitions", [1, 8, 32, 1024])
def test_a_streams_partitions_are_read_from_its_own_transform(partitions):
    made = stream_config(topology.READINGS, partitions=partitions)["subject_transform"]["dest"]
    assert partitions_of(made) == partitions


@pytest.mark.parametrize("destination", ["", "elsewhere.>", "{{partition(x,1)}}.>", "{{wildcard(1)}}.a"])
def test_another_transform_has_none(destination):
    assert partitions_of(destination) is None
