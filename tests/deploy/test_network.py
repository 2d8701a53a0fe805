"""The network policies allow exactly the call graph, worked out from the rendered objects as a cluster would."""

from itertools import product

SERVICES = ("auth", "registry", "telemetry", "otosense")
FERRY = {name: {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "ferry"} for name in SERVICES}
FERRY["topology"] = {"app.kubernetes.io/name": "topology", "app.kubernetes.io/part-of": "ferry"}
OURS = {"kubernetes.io/metadata.name": "ferry"}
PODS = {
    **{name: (OURS, found) for name, found in FERRY.items()},
    "nats": (OURS, {"app.kubernetes.io/name": "nats"}),
    "stranger": (OURS, {"app.kubernetes.io/name": "stranger"}),
    "namesake": (OURS, {"app.kubernetes.io/name": "telemetry"}),
    "dns": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    "publisher": ({"kubernetes.io/metadata.name": "shop", "ferry/publishers": "true"}, {}),
    "keda": ({"kubernetes.io/metadata.name": "keda"}, {}),
    "prometheus": ({"kubernetes.io/metadata.name": "monitoring"}, {}),
    "elsewhere": ({"kubernetes.io/metadata.name": "elsewhere"}, {}),
}
PORTS = (53, 443, 4222, 6222, 8222, 8080, 8090)
USERS = (*SERVICES, "topology")
CALLS = (
    {(user, "nats", 4222) for user in USERS}
    | {(user, "dns", 53) for user in USERS}
    | {("publisher", "nats", 4222), ("nats", "nats", 6222), ("keda", "nats", 8222)}
    | {("prometheus", service, 8080) for service in SERVICES}
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
    for policy in (one for one in guarded_overlay if one["kind"] == "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for peer in (peer for peer in rule["to"] if "ipBlock" in peer):
                assert [item["port"] for item in rule["ports"]] == [443]
                outside[peer["ipBlock"]["cidr"]] = set(peer["ipBlock"]["except"])
                who = {name for name in FERRY if fits(policy["spec"]["podSelector"], FERRY[name])}
                assert who == set(SERVICES)
    assert set(outside) == {"0.0.0.0/0", "::/0"}
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}
    assert private <= outside["0.0.0.0/0"]
