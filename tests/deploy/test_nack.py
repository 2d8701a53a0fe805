"""The NACK component brings about what the contract says, and takes the topology's job out."""

import os

import pytest
from manifests import K8S
from rendered import check, rendered_objects

from ferry.contract import topology
from ferry.runtime.settings import NatsSettings
from ferry.runtime.topology import TopologySettings, bucket_config, consumer_config, stream_config

SETTINGS = TopologySettings(nats=NatsSettings(url="nats://nats:4222"), replicas=3)


def wanted_stream(thing):
    """NACK's words for what the job would make."""
    bucket = isinstance(thing, topology.Bucket)
    config = bucket_config(thing, SETTINGS) if bucket else stream_config(thing, SETTINGS)
    spec: dict[str, object] = {
        "name": config.name,
        "subjects": config.subjects,
        "retention": config.retention,
        "storage": config.storage,
        "discard": config.discard,
        "maxBytes": config.max_bytes,
        "maxMsgSize": config.max_msg_size,
        "replicas": config.num_replicas,
        "duplicateWindow": f"{config.duplicate_window * 1000:g}ms",
        "denyDelete": config.deny_delete,
        "allowRollup": config.allow_rollup_hdrs,
        "allowDirect": config.allow_direct,
        "preventDelete": True,
    }
    if config.max_age:
        spec["maxAge"] = f"{config.max_age / 3600:g}h"
    if config.max_msgs_per_subject and config.max_msgs_per_subject > 0:
        spec["maxMsgsPerSubject"] = config.max_msgs_per_subject
    if config.subject_transform:
        spec["subjectTransform"] = {
            "source": config.subject_transform.src,
            "dest": config.subject_transform.dest,
        }
    return spec


def wanted_consumer(consumer):
    config = consumer_config(consumer)
    return {
        "streamName": consumer.stream,
        "durableName": config.durable_name,
        "deliverPolicy": "all",
        "ackPolicy": config.ack_policy,
        "ackWait": f"{config.ack_wait:g}s",
        "maxDeliver": config.max_deliver,
        "maxAckPending": config.max_ack_pending,
        "preventDelete": True,
    }


@pytest.fixture(scope="module")
def with_nack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nack")
    production, nack = (
        os.path.relpath(K8S / part, folder.resolve()) for part in ("overlays/production", "components/nack")
    )
    (folder / "kustomization.yaml").write_text(
        f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: ferry\n"
        f"resources: [{production}]\ncomponents: [{nack}]\n"
    )
    return rendered_objects(folder)


def specs(objects, kind):
    return [one["spec"] for one in objects if one["kind"] == kind]


def test_streams_and_buckets_are_the_contracts(with_nack):
    wanted = [wanted_stream(one) for one in (*topology.STREAMS, *topology.BUCKETS)]
    assert {one["name"]: one for one in specs(with_nack, "Stream")} == {one["name"]: one for one in wanted}


def test_consumers_are_the_contracts(with_nack):
    assert specs(with_nack, "Consumer") == [wanted_consumer(one) for one in topology.CONSUMERS]


def test_nobody_else_owns_the_topology(with_nack, rendered):
    left = {(one["kind"], one["metadata"]["name"]) for one in with_nack}
    gone = {(one["kind"], one["metadata"]["name"]) for one in rendered["production"]} - left
    owned = {("Job", "topology"), ("ServiceAccount", "topology"), ("ExternalSecret", "ferry-topology")}
    assert gone == owned


def test_they_fit_their_schemas(with_nack):
    ours = [one for one in with_nack if one["apiVersion"].startswith("jetstream.nats.io/")]
    assert len(ours) == len(topology.STREAMS) + len(topology.BUCKETS) + len(topology.CONSUMERS)
    for thing in ours:
        check(thing)
