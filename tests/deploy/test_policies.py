"""What every workload has, read from the rendered objects."""

import re

import pytest

SERVICES = {"auth", "registry", "telemetry", "otosense"}


def of_kind(overlay, *kinds):
    return [thing for thing in overlay if thing["kind"] in kinds]


def pod(workload):
    return workload["spec"]["template"]["spec"]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def selects(selector, found):
    assert set(selector) == {"matchLabels"}, selector
    return selector["matchLabels"].items() <= found.items()


def test_the_workloads_are_the_services(overlay):
    names = {one["metadata"]["name"] for one in of_kind(overlay, "Deployment")}
    assert names - {"sandbox"} == SERVICES
    assert [one["metadata"]["name"] for one in of_kind(overlay, "Job")] == ["topology"]


def test_the_sandbox_is_local_alone(rendered):
    assert "sandbox" not in str(rendered["production"]).replace("api.sandbox.thingplus.net", "")
    assert "ferry-sandbox" in str(rendered["local"])


def test_pods_are_restricted(overlay):
    for workload in of_kind(overlay, "Deployment", "Job"):
        spec = pod(workload)
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert (security["runAsUser"], security["runAsGroup"]) == (65532, 65532)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert {"configMap", "secret", "emptyDir"} >= {
            key for v in spec["volumes"] for key in v if key != "name"
        }
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_each_has_an_account_of_its_own_without_a_token(overlay):
    workloads = of_kind(overlay, "Deployment", "Job")
    accounts = {one["metadata"]["name"]: one for one in of_kind(overlay, "ServiceAccount")}
    assert {pod(one)["serviceAccountName"] for one in workloads} == set(accounts)
    assert len(accounts) == len(workloads)
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    assert not of_kind(overlay, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def test_probes_and_an_end_longer_than_the_drain(overlay):
    (config,) = [one for one in of_kind(overlay, "ConfigMap") if one["metadata"]["name"].startswith("ferry-")]
    for workload in of_kind(overlay, "Deployment"):
        (container,) = pod(workload)["containers"]
        probes = [container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
        if workload["metadata"]["name"] == "sandbox":
            continue
        assert [probe["httpGet"]["path"] for probe in probes] == ["/livez", "/livez", "/readyz"]
        assert {probe["httpGet"]["port"] for probe in probes} == {"health"}
        assert {"name": "health", "containerPort": 8080} in container["ports"]
        wait = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace = pod(workload)["terminationGracePeriodSeconds"]
        assert grace > wait + float(config["data"]["FERRY_SHUTDOWN_S"])


def test_selectors_match_their_own_pods_alone(overlay):
    workloads = of_kind(overlay, "Deployment")
    for workload in workloads:
        matched = [one for one in workloads if selects(workload["spec"]["selector"], labels(one))]
        assert matched == [workload]
        for spread in pod(workload).get("topologySpreadConstraints", []):
            assert spread["topologyKey"] == "topology.kubernetes.io/zone"
            assert selects(spread["labelSelector"], labels(workload))
        if workload["metadata"]["name"] in SERVICES:
            assert pod(workload)["topologySpreadConstraints"]
        budgets = of_kind(overlay, "PodDisruptionBudget")
        (budget,) = [one for one in budgets if selects(one["spec"]["selector"], labels(workload))]
        assert budget["spec"]["maxUnavailable"] == 1, "a budget that can block a drain"
        assert "minAvailable" not in budget["spec"]


def test_settings_are_hashed_and_secrets_are_files(overlay):
    made = {one["metadata"]["name"] for one in of_kind(overlay, "ConfigMap")}
    external = {one["spec"]["target"]["name"] for one in of_kind(overlay, "ExternalSecret")}
    secrets = {one["metadata"]["name"] for one in of_kind(overlay, "Secret")} | external
    for workload in of_kind(overlay, "Deployment", "Job"):
        if workload["metadata"]["name"] == "sandbox":
            continue
        (container,) = pod(workload)["containers"]
        (source,) = container["envFrom"]
        assert source["configMapRef"]["name"] in made
        assert re.fullmatch(r"ferry-[a-z0-9]{10}", source["configMapRef"]["name"])
        assert all("valueFrom" not in variable for variable in container["env"])
        (secret,) = [v["secret"]["secretName"] for v in pod(workload)["volumes"] if "secret" in v]
        assert secret in secrets
        assert secret.startswith(f"ferry-{workload['metadata']['name']}")
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert mounts["secrets"]["mountPath"] == "/run/secrets/ferry"


def test_only_auth_is_given_the_accounts_of_the_clouds(guarded_overlay):
    for secret in of_kind(guarded_overlay, "ExternalSecret"):
        keys = {item["secretKey"] for item in secret["spec"]["data"]}
        if secret["metadata"]["name"] == "ferry-auth":
            assert "FERRY_AUTH__ENCRYPTION_KEY" in keys
        elif secret["metadata"]["name"] == "ferry-nats":
            assert all(re.fullmatch(r"FERRY_NATS_[A-Z]+_PASSWORD", key) for key in keys)
        else:
            assert keys == {"FERRY_NATS__PASSWORD"}


def test_production_runs_nothing_by_a_tag(rendered):
    for workload in of_kind(rendered["production"], "Deployment", "Job"):
        (container,) = pod(workload)["containers"]
        name = workload["metadata"]["name"]
        by_digest = rf"[^:@]+/ferry-{name}@sha256:[0-9a-f]{{64}}"
        assert re.fullmatch(rf"{by_digest}|[^:@]+/ferry-{name}:set-a-digest", container["image"])


def test_nats_is_spoken_to_over_tls(guarded_overlay):
    (config,) = [one["data"] for one in of_kind(guarded_overlay, "ConfigMap")]
    assert config["FERRY_NATS__URL"].startswith("tls://")
    for workload in of_kind(guarded_overlay, "Deployment", "Job"):
        (container,) = pod(workload)["containers"]
        (mount,) = [one for one in container["volumeMounts"] if one["name"] == "nats-ca"]
        assert config["FERRY_NATS__TLS_CA_FILE"] == f"{mount['mountPath']}/ca.crt"
        (volume,) = [one for one in pod(workload)["volumes"] if one["name"] == "nats-ca"]
        assert volume["configMap"] == {"name": "nats-ca"}, "the authority's certificate, not the server's key"


def test_keda_owns_the_number_of_telemetry(guarded_overlay):
    (scaled,) = of_kind(guarded_overlay, "ScaledObject")
    target = scaled["spec"]["scaleTargetRef"]["name"]
    (workload,) = [one for one in of_kind(guarded_overlay, "Deployment") if one["metadata"]["name"] == target]
    assert "replicas" not in workload["spec"]
    assert scaled["spec"]["minReplicaCount"] >= 2, "at none, nobody holds the leases"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_monitor_finds_every_service(rendered, name):
    (monitor,) = of_kind(rendered[name], "PodMonitor")
    for workload in of_kind(rendered[name], "Deployment"):
        assert selects(monitor["spec"]["selector"], labels(workload))
