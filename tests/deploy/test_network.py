"""The network policies allow exactly the contract's call graph, worked out from the rendered objects.

The contract's operations say which services there are; all that they say to one another goes through NATS. Whose
settings name a cloud's URL calls it.
"""

from importlib import import_module
from itertools import product

from ferry.contract.operations import OPERATIONS
from ferry.contract.subjects import PREFIX
from ferry.runtime.settings import RuntimeSettings

SERVICES = sorted(
    {"console", *(subject.removeprefix(f"{PREFIX}.").partition(".")[0] for subject in OPERATIONS)}
)
"""Those that answer requests, and the console, which asks alone."""


def settings_of(name):
    made = vars(import_module(f"ferry.{name}.settings")).values()
    (found,) = [
        one
        for one in made
        if isinstance(one, type) and issubclass(one, RuntimeSettings) and one is not RuntimeSettings
    ]
    return set(found.model_fields)


CALLS_A_CLOUD = {name for name in SERVICES if settings_of(name) & {"thingplus", "otosense"}}
FERRY = {name: {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "ferry"} for name in SERVICES}
FERRY["topology"] = {"app.kubernetes.io/name": "topology", "app.kubernetes.io/part-of": "ferry"}
OURS = {"kubernetes.io/metadata.name": "ferry"}
PODS = {
    **{name: (OURS, found) for name, found in FERRY.items()},
    "nats": (OURS, {"app.kubernetes.io/name": "nats"}),
    "stranger": (OURS, {"app.kubernetes.io/name": "stranger"}),
    "namesake": (OURS, {"app.kubernetes.io/name": "telemetry"}),
    "dns": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    "dns-on-the-node": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "node-local-dns"}),
    "dns-of-openshift": (
        {"kubernetes.io/metadata.name": "openshift-dns"},
        {"dns.operator.openshift.io/daemonset-dns": "default"},
    ),
    "publisher": ({"kubernetes.io/metadata.name": "shop", "ferry/publishers": "true"}, {}),
    "signs-in": ({"kubernetes.io/metadata.name": "ingress", "ferry/operators": "true"}, {}),
    "keda": ({"kubernetes.io/metadata.name": "keda"}, {}),
    "prometheus": ({"kubernetes.io/metadata.name": "monitoring"}, {}),
    "elsewhere": ({"kubernetes.io/metadata.name": "elsewhere"}, {}),
}
PORTS = (8081, 53, 443, 5353, 1883, 4222, 6222, 7777, 8222, 8080, 8090)
USERS = (*SERVICES, "topology")
CALLS = (
    {(user, "nats", 4222) for user in USERS}
    | {(user, dns, 53) for user in USERS for dns in ("dns", "dns-on-the-node")}
    | {(user, "dns-of-openshift", 5353) for user in USERS}
    | {("publisher", "nats", 4222), ("nats", "nats", 6222), ("keda", "nats", 8222)}
    | {("prometheus", service, 8080) for service in SERVICES}
    | {("prometheus", "nats", 7777), ("signs-in", "console", 8081)}
)


def fits(selector, found):
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if found.get(rule["key"]) not in rule["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= found.items()


def peer_fits(peer, name):
    if "ipBlock" in peer:
        return False
    namespace, found = PODS[name]
    if "namespaceSelector" not in peer:
        return namespace == OURS and fits(peer["podSelector"], found)
    return fits(peer["namespaceSelector"], namespace) and fits(peer.get("podSelector", {}), found)


def allowed(policies, direction, name, other, port):
    """Without a policy for its direction a pod is open; with some, what any of them allows."""
    namespace, found = PODS[name]
    mine = [
        one["spec"]
        for one in policies
        if namespace == OURS
        and direction in one["spec"]["policyTypes"]
        and fits(one["spec"]["podSelector"], found)
    ]
    side = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[direction]
    return not mine or any(
        any(item["port"] == port for item in rule["ports"])
        and any(peer_fits(peer, other) for peer in rule[side[1]])
        for spec in mine
        for rule in spec.get(side[0], [])
    )


def test_the_services_are_those_that_run(guarded_overlay):
    running = {one["metadata"]["name"] for one in guarded_overlay if one["kind"] == "Deployment"}
    assert set(SERVICES) == running
    assert CALLS_A_CLOUD


def test_the_call_graph_and_nothing_else(guarded_overlay):
    policies = [one for one in guarded_overlay if one["kind"] == "NetworkPolicy"]
    assert {one["metadata"]["namespace"] for one in policies} == {"ferry"}
    guarded = {*USERS, "nats"}
    seen = {
        (source, target, port)
        for source, target, port in product(PODS, PODS, PORTS)
        if (source in FERRY or target in guarded)
        and allowed(policies, "Egress", source, target, port)
        and allowed(policies, "Ingress", target, source, port)
    }
    assert seen == CALLS


def test_only_those_who_call_a_cloud_reach_outside_and_only_public_addresses(guarded_overlay):
    outside = {}
    on_the_node = []
    for policy in (one for one in guarded_overlay if one["kind"] == "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for peer in (peer for peer in rule["to"] if "ipBlock" in peer):
                if {item["port"] for item in rule["ports"]} == {53}:
                    on_the_node.append(peer["ipBlock"])
                    continue
                assert [item["port"] for item in rule["ports"]] == [443]
                outside[peer["ipBlock"]["cidr"]] = set(peer["ipBlock"]["except"])
                who = {name for name in FERRY if fits(policy["spec"]["podSelector"], FERRY[name])}
                assert who == CALLS_A_CLOUD
    assert on_the_node == [{"cidr": "169.254.20.10/32"}]
    assert set(outside) == {"0.0.0.0/0", "::/0"}
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}
    assert private <= outside["0.0.0.0/0"]
