"""NACK's resources create what the contract defines, and are guarded against what would lose messages."""

import pytest
from manifests import K8S
from nats.js.api import ConsumerConfig, StreamConfig
from rendered import check, rendered_objects

from ferry.contract import topology
from ferry.contract.jetstream import bucket_config, consumer_config, stream_config

REPLICAS = 3


def wanted_stream(thing):
    """NACK's words for what the job would make."""
    bucket = isinstance(thing, topology.Bucket)
    config = StreamConfig.from_response(
        bucket_config(thing, replicas=REPLICAS) if bucket else stream_config(thing, replicas=REPLICAS)
    )
    spec: dict[str, object] = {
        "name": config.name,
        "subjects": config.subjects,
        "retention": config.retention,
        "storage": config.storage,
        "discard": config.discard,
        "maxBytes": config.max_bytes,
        "maxMsgSize": config.max_msg_size,
        "maxMsgs": -1,
        "maxConsumers": -1,
        "maxMsgsPerSubject": max(config.max_msgs_per_subject or 0, 0),
        # set even where there is no limit: NACK sets what is left out to a year
        "maxAge": f"{config.max_age / 3600:g}h" if config.max_age else "0s",
        "replicas": config.num_replicas,
        "duplicateWindow": f"{config.duplicate_window * 1000:g}ms",
        "denyDelete": config.deny_delete,
        "denyPurge": bool(config.deny_purge),
        "allowMsgTtl": bool(config.allow_msg_ttl),
        "allowMsgSchedules": bool(config.allow_msg_schedules),
        "allowRollup": config.allow_rollup_hdrs,
        "allowDirect": config.allow_direct,
        "preventDelete": True,
    }
    if config.subject_transform:
        spec["subjectTransform"] = {
            "source": config.subject_transform.src,
            "dest": config.subject_transform.dest,
        }
    return spec


def wanted_consumer(consumer):
    config = ConsumerConfig.from_response(consumer_config(consumer))
    return {
        "streamName": consumer.stream,
        "durableName": config.durable_name,
        "deliverPolicy": "all",
        "ackPolicy": config.ack_policy,
        "ackWait": f"{config.ack_wait:g}s",
        "maxDeliver": config.max_deliver,
        "maxAckPending": config.max_ack_pending,
        "replayPolicy": "instant",
        "preventDelete": True,
    }


@pytest.fixture(scope="module")
def nack():
    return rendered_objects(K8S / "nack")


def specs(objects, kind):
    return [one["spec"] for one in objects if one["kind"] == kind]


def test_streams_and_buckets_are_the_contracts(nack):
    wanted = [wanted_stream(one) for one in (*topology.STREAMS, *topology.BUCKETS)]
    assert {one["name"]: one for one in specs(nack, "Stream")} == {one["name"]: one for one in wanted}


def test_consumers_are_the_contracts(nack):
    assert specs(nack, "Consumer") == [wanted_consumer(one) for one in topology.CONSUMERS]


def test_every_limit_of_the_contract_is_said(nack):
    """A stream of the contract has no field for which NACK would have to guess."""
    for spec in specs(nack, "Stream"):
        assert {"maxAge", "maxBytes", "maxMsgs", "maxConsumers", "maxMsgSize", "replicas"} <= spec.keys()


def test_streams_are_guarded(nack):
    (policy,) = [one for one in nack if one["kind"] == "ValidatingAdmissionPolicy"]
    (binding,) = [one for one in nack if one["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    for stream in (one for one in nack if one["kind"] == "Stream"):
        assert stream["metadata"]["labels"]["app.kubernetes.io/part-of"] == "ferry", "what the guard goes by"


def test_they_fit_their_schemas(nack):
    ours = [one for one in nack if one["apiVersion"].startswith("jetstream.nats.io/")]
    assert len(ours) == len(topology.STREAMS) + len(topology.BUCKETS) + len(topology.CONSUMERS)
    for thing in ours:
        check(thing)
