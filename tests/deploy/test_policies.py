"""What every workload has, read from the rendered objects."""

import re

import pytest
from build_images import VERSION

SERVICES = {"auth", "registry", "telemetry", "otosense", "console"}
TRIAL = {"sandbox", "demo"}
LABELS = {"instance", "name", "part-of", "managed-by", "version"}


def of_kind(overlay, *kinds):
    return [thing for thing in overlay if thing["kind"] in kinds]


def workloads(overlay):
    return of_kind(overlay, "Deployment", "Job", "StatefulSet")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def named(one):
    return one["metadata"]["name"]


def services(overlay):
    return [one for one in of_kind(overlay, "Deployment") if named(one) in SERVICES]


def containers(workload):
    return [*pod(workload)["containers"], *pod(workload).get("initContainers", [])]


def selects(selector, found):
    assert set(selector) == {"matchLabels"}, selector
    return selector["matchLabels"].items() <= found.items()


def test_the_workloads_are_the_services(overlay):
    names = {named(one) for one in of_kind(overlay, "Deployment")}
    assert names - TRIAL == SERVICES
    assert [named(one) for one in of_kind(overlay, "Job")] == ["topology"]


def test_a_trial_is_local_alone(rendered):
    for name in ("plain", "staging", "production"):
        assert {named(one) for one in workloads(rendered[name])} == SERVICES | {"topology"}
    assert {named(one) for one in workloads(rendered["local"])} == SERVICES | TRIAL | {"topology", "nats"}


def test_pods_are_restricted(overlay):
    for workload in workloads(overlay):
        spec = pod(workload)
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert (security["runAsUser"], security["runAsGroup"]) == (65532, 65532)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert {"configMap", "secret", "emptyDir", "persistentVolumeClaim"} >= {
            key for v in spec["volumes"] for key in v if key != "name"
        }
        for container in containers(workload):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_pods_have_what_a_shared_cluster_asks_for(overlay):
    (priority,) = of_kind(overlay, "PriorityClass")
    for workload in workloads(overlay):
        spec = pod(workload)
        assert spec["priorityClassName"] == named(priority)
        assert spec["enableServiceLinks"] is False
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
        (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]
        assert term["matchExpressions"] == [
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}
        ]
        for container in containers(workload):
            assert container["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}
            assert container["resources"]["limits"].keys() == {"memory", "ephemeral-storage"}
            assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    for workload in services(overlay):
        assert workload["spec"]["minReadySeconds"] > 0


def test_staging_and_production_pull_with_a_login(operated_overlay):
    for workload in workloads(operated_overlay):
        assert pod(workload)["imagePullSecrets"] == [{"name": "ferry-images"}]


def test_everything_has_the_standard_labels(overlay):
    for thing in overlay:
        if thing["kind"] in {"Namespace", "PriorityClass"}:
            continue
        metadata = [thing["metadata"]]
        if "template" in thing.get("spec", {}):
            metadata.append(thing["spec"]["template"]["metadata"])
        for one in metadata:
            found = {
                key.removeprefix("app.kubernetes.io/"): value for key, value in one.get("labels", {}).items()
            }
            missing = LABELS - found.keys()
            nats = found.get("name") == "nats"  # its claim's template takes no label that changes
            if nats:
                missing -= {"version"}
            if thing["kind"] not in {"Deployment", "Job", "StatefulSet"}:
                missing -= {"name"}  # what serves all of Ferry
            assert not missing, thing["metadata"]
            assert found["part-of"] == "ferry"
            assert nats or found["version"] == VERSION


def test_each_has_an_account_of_its_own_without_a_token(overlay):
    accounts = {named(one): one for one in of_kind(overlay, "ServiceAccount")}
    assert {pod(one)["serviceAccountName"] for one in workloads(overlay)} == set(accounts)
    assert len(accounts) == len(workloads(overlay))
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    assert not of_kind(overlay, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def test_probes_and_an_end_longer_than_the_drain(overlay):
    (config,) = [one for one in of_kind(overlay, "ConfigMap") if re.match(r"ferry-[a-z0-9]{10}$", named(one))]
    for workload in services(overlay):
        (container,) = pod(workload)["containers"]
        probes = [container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
        assert [probe["httpGet"]["path"] for probe in probes] == ["/livez", "/livez", "/readyz"]
        assert {probe["httpGet"]["port"] for probe in probes} == {"health"}
        assert {"name": "health", "containerPort": 8080} in container["ports"]
        wait = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace = pod(workload)["terminationGracePeriodSeconds"]
        assert grace > wait + float(config["data"]["FERRY_SHUTDOWN_S"])


def test_selectors_match_their_own_pods_alone(overlay):
    pods = of_kind(overlay, "Deployment", "StatefulSet")
    for workload in pods:
        assert [one for one in pods if selects(workload["spec"]["selector"], labels(one))] == [workload]


def test_replicas_are_spread_over_nodes_and_zones_in_each_rollout(overlay):
    for workload in services(overlay):
        spreads = {one["topologyKey"]: one for one in pod(workload)["topologySpreadConstraints"]}
        assert set(spreads) == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        for spread in spreads.values():
            assert spread["matchLabelKeys"] == ["pod-template-hash"]
            assert selects(spread["labelSelector"], labels(workload))


def test_a_budget_cannot_block_a_drain(overlay):
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for workload in services(overlay):
        (budget,) = [one for one in budgets if selects(one["spec"]["selector"], labels(workload))]
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        assert "minAvailable" not in budget["spec"]


def test_an_overlay_itself_deletes_no_data(services_step):
    """`kubectl delete -k` of an overlay: neither the namespace nor NATS, nor what the job made, may go with it."""
    for name, objects in services_step.items():
        kinds = {one["kind"] for one in objects}
        assert not kinds & {"Namespace", "StatefulSet", "Secret", "ExternalSecret", "Job", "Stream"}, name


def test_the_job_fails_once_keeps_its_log_and_stays(overlay):
    (job,) = of_kind(overlay, "Job")
    spec = job["spec"]
    assert "ttlSecondsAfterFinished" not in spec, "a tool that heals would run it again each time it vanished"
    assert "activeDeadlineSeconds" not in spec, "it deletes the pod, and with it the log"
    assert pod(job)["activeDeadlineSeconds"]
    assert pod(job)["restartPolicy"] == "Never"
    assert spec["backoffLimit"] <= 5
    ignored, failed = spec["podFailurePolicy"]["rules"]
    assert (ignored["action"], ignored["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (failed["action"], failed["onExitCodes"]["values"]) == ("FailJob", [2, 3])


def test_a_gitops_tool_runs_the_job_first_and_each_time(overlay):
    (job,) = of_kind(overlay, "Job")
    for one in (job, *(each for each in overlay if each["kind"] in {"ServiceAccount", "ConfigMap"})):
        if not named(one).startswith(("topology", "ferry-topology")):
            continue
        annotations = one["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == "PreSync"
        assert annotations["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation"
        assert int(annotations.get("argocd.argoproj.io/sync-wave", 0)) == (0 if one is job else -1)


def test_settings_are_hashed_and_secrets_are_files(overlay):
    made = {named(one) for one in of_kind(overlay, "ConfigMap")}
    external = {one["spec"]["target"]["name"] for one in of_kind(overlay, "ExternalSecret")}
    secrets = {named(one) for one in of_kind(overlay, "Secret")} | external
    for workload in (*services(overlay), *of_kind(overlay, "Job")):
        (container,) = pod(workload)["containers"]
        (source,) = container["envFrom"]
        assert source["configMapRef"]["name"] in made
        assert re.fullmatch(r"ferry-(topology-)?[a-z0-9]{10}", source["configMapRef"]["name"])
        assert all("valueFrom" not in variable for variable in container["env"])
        (secret,) = [v["secret"]["secretName"] for v in pod(workload)["volumes"] if "secret" in v]
        assert secret == f"ferry-{named(workload)}"
        assert not secrets or secret in secrets
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert mounts["secrets"]["mountPath"] == "/run/secrets/ferry"


def test_a_changed_password_restarts_a_service(operated_overlay):
    for workload in services(operated_overlay):
        assert workload["metadata"]["annotations"]["reloader.stakater.com/auto"] == "true"


def test_only_auth_is_given_the_accounts_of_the_clouds(operated_overlay):
    for secret in of_kind(operated_overlay, "ExternalSecret"):
        keys = {item["secretKey"] for item in secret["spec"]["data"]}
        if named(secret) == "ferry-auth":
            assert "FERRY_AUTH__ENCRYPTION_KEY" in keys
        elif named(secret) == "ferry-nats":
            assert all(re.fullmatch(r"FERRY_NATS_[A-Z]+_PASSWORD", key) for key in keys)
        else:
            own = {
                key for key in keys if key.startswith("FERRY_CONSOLE__") and named(secret) == "ferry-console"
            }
            assert keys - own == {"FERRY_NATS__PASSWORD"}


def test_production_runs_nothing_by_a_tag(rendered):
    for workload in workloads(rendered["production"]):
        (container,) = pod(workload)["containers"]
        name = "cli" if workload["kind"] == "Job" else named(workload)
        by_digest = rf"[^:@]+/ferry-{name}@sha256:[0-9a-f]{{64}}"
        assert re.fullmatch(rf"{by_digest}|[^:@]+/ferry-{name}:set-a-digest", container["image"])


def test_nats_is_spoken_to_over_tls(guarded_overlay):
    for workload in (*services(guarded_overlay), *of_kind(guarded_overlay, "Job")):
        (container,) = pod(workload)["containers"]
        env = {one["name"]: one["value"] for one in container["env"]}
        assert env["FERRY_NATS__URL"].startswith("tls://")
        (mount,) = [one for one in container["volumeMounts"] if one["name"] == "nats-ca"]
        assert env["FERRY_NATS__TLS_CA_FILE"] == f"{mount['mountPath']}/ca.crt"
        (volume,) = [one for one in pod(workload)["volumes"] if one["name"] == "nats-ca"]
        assert volume["configMap"] == {"name": "nats-ca"}, "the authority's certificate, not the server's key"


def test_keda_owns_the_number_of_telemetry_and_never_lowers_it_blindly(operated_overlay):
    (scaled,) = of_kind(operated_overlay, "ScaledObject")
    target = scaled["spec"]["scaleTargetRef"]["name"]
    (workload,) = [one for one in of_kind(operated_overlay, "Deployment") if named(one) == target]
    assert "replicas" not in workload["spec"]
    assert scaled["spec"]["minReplicaCount"] >= 2, "at none, nobody holds the leases"
    assert scaled["spec"]["fallback"]["behavior"] == "currentReplicasIfHigher"


def test_plain_needs_nothing_but_kubernetes(rendered):
    groups = {one["apiVersion"].rpartition("/")[0] for one in rendered["plain"]}
    assert groups == {"", "apps", "batch", "policy", "networking.k8s.io", "scheduling.k8s.io"}


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_monitor_finds_every_service(rendered, name):
    (monitor,) = of_kind(rendered[name], "PodMonitor")
    for workload in services(rendered[name]):
        assert selects(monitor["spec"]["selector"], labels(workload))
