"""The cluster's constants, its daemons' command lines and their configuration files. Pure: nothing is read or run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tools.sandbox.paths import Layout
from tools.sandbox.pki import Leaf, User

NODE = "sandbox"
DOMAIN = "cluster.local"

# All of these exist inside the cluster's network namespace only.
NODE_ADDRESS = "10.79.0.2"
POD_NETWORK = "10.77.0.0/16"
POD_GATEWAY = "10.77.0.1"
SERVICE_NETWORK = "10.78.0.0/16"
API_SERVICE_ADDRESS = "10.78.0.1"
DNS_ADDRESS = "10.78.0.10"
API_PORT = 6443
API_SERVER = f"https://{NODE_ADDRESS}:{API_PORT}"

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"

# The kubelet writes these for the whole machine; the cluster gets files of its own in their place (see init.py).
MACHINE_SYSCTLS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


@dataclass(frozen=True)
class Daemon:
    """One program that PID 1 keeps running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def leaves() -> list[Leaf]:
    """Every certificate of the cluster."""
    return [
        Leaf(
            "apiserver",
            "ca",
            "kube-apiserver",
            names=(
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                f"kubernetes.default.svc.{DOMAIN}",
                "localhost",
                "127.0.0.1",
                NODE_ADDRESS,
                API_SERVICE_ADDRESS,
            ),
        ),
        Leaf("kubelet-server", "ca", f"system:node:{NODE}", ("system:nodes",), names=(NODE, NODE_ADDRESS)),
        Leaf("apiserver-kubelet-client", "ca", "kube-apiserver-kubelet-client"),
        Leaf("front-proxy-client", "front-proxy-ca", "front-proxy-client"),
        Leaf("etcd", "etcd-ca", "etcd", names=("localhost", "127.0.0.1"), both=True),
        Leaf("apiserver-etcd-client", "etcd-ca", "kube-apiserver"),
        Leaf("admin", "ca", "kubernetes-admin", ("system:masters",)),
        Leaf("controller-manager", "ca", "system:kube-controller-manager"),
        Leaf("scheduler", "ca", "system:kube-scheduler"),
        Leaf("proxy", "ca", "system:kube-proxy"),
        Leaf("kubelet", "ca", f"system:node:{NODE}", ("system:nodes",)),
    ]


def users(layout: Layout) -> list[User]:
    """Every kubeconfig: the administrator's goes through the host's port, the daemons' stay inside."""
    inside = [
        User(name, API_SERVER, layout.pki / f"{name}.kubeconfig")
        for name in ("controller-manager", "scheduler", "proxy", "kubelet")
    ]
    return [User("admin", layout.server, layout.kubeconfig), *inside]


def daemons(layout: Layout, binaries: Path) -> list[Daemon]:
    """The cluster's programs; all are started at once and each retries until what it needs is there."""
    pki, run, data = layout.pki, layout.run, layout.sandbox
    etcd = "https://127.0.0.1:2379"
    peer = "https://127.0.0.1:2380"
    front_proxy = [
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
    ]
    return [
        Daemon(
            "etcd",
            [
                f"{binaries}/etcd",
                f"--name={NODE}",
                f"--data-dir={data}/etcd",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster={NODE}={peer}",
                f"--cert-file={pki}/etcd.crt",
                f"--key-file={pki}/etcd.key",
                "--client-cert-auth",
                f"--trusted-ca-file={pki}/etcd-ca.crt",
                f"--peer-cert-file={pki}/etcd.crt",
                f"--peer-key-file={pki}/etcd.key",
                "--peer-client-cert-auth",
                f"--peer-trusted-ca-file={pki}/etcd-ca.crt",
                "--log-level=warn",
            ],
        ),
        Daemon("containerd", ["containerd", f"--config={run}/containerd.toml"]),
        Daemon(
            "kube-apiserver",
            [
                f"{binaries}/kube-apiserver",
                f"--etcd-servers={etcd}",
                f"--etcd-cafile={pki}/etcd-ca.crt",
                f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
                f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
                "--bind-address=0.0.0.0",  # every address of the private network namespace
                f"--advertise-address={NODE_ADDRESS}",
                f"--secure-port={API_PORT}",
                "--anonymous-auth=false",
                f"--client-ca-file={pki}/ca.crt",
                f"--tls-cert-file={pki}/apiserver.crt",
                f"--tls-private-key-file={pki}/apiserver.key",
                f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
                f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
                f"--kubelet-certificate-authority={pki}/ca.crt",
                "--kubelet-preferred-address-types=InternalIP",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
                f"--service-account-key-file={pki}/service-account.pub",
                f"--service-account-signing-key-file={pki}/service-account.key",
                f"--service-cluster-ip-range={SERVICE_NETWORK}",
                f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
                f"--proxy-client-key-file={pki}/front-proxy-client.key",
                *front_proxy,
                # Pulumi's provider reads all events of a resource's namespace each time that it waits for the resource,
                # which for a switch is in the middle of the hand-off.
                "--event-ttl=5m",
                "--profiling=false",
            ],
        ),
        Daemon(
            "kube-controller-manager",
            [
                f"{binaries}/kube-controller-manager",
                f"--kubeconfig={pki}/controller-manager.kubeconfig",
                f"--authentication-kubeconfig={pki}/controller-manager.kubeconfig",
                f"--authorization-kubeconfig={pki}/controller-manager.kubeconfig",
                "--bind-address=127.0.0.1",
                "--leader-elect=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={pki}/service-account.key",
                f"--root-ca-file={pki}/ca.crt",
                f"--client-ca-file={pki}/ca.crt",
                *front_proxy,
                f"--cluster-cidr={POD_NETWORK}",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
                "--profiling=false",
            ],
        ),
        Daemon(
            "kube-scheduler",
            [
                f"{binaries}/kube-scheduler",
                f"--config={run}/scheduler.yaml",
                f"--authentication-kubeconfig={pki}/scheduler.kubeconfig",
                f"--authorization-kubeconfig={pki}/scheduler.kubeconfig",
                "--bind-address=127.0.0.1",
            ],
        ),
        Daemon(
            "kubelet",
            [
                f"{binaries}/kubelet",
                f"--config={run}/kubelet.yaml",
                f"--kubeconfig={pki}/kubelet.kubeconfig",
                f"--hostname-override={NODE}",
                f"--node-ip={NODE_ADDRESS}",
            ],
        ),
        Daemon("kube-proxy", [f"{binaries}/kube-proxy", f"--config={run}/proxy.yaml"]),
    ]


def files(layout: Layout, pause_image: str, cni_plugins: str) -> dict[Path, str]:
    """The daemons' configuration files by path."""
    run = layout.run
    return {
        run / "cni" / "10-bridge.conflist": _json(_network(layout)),
        run / "containerd.toml": _containerd(layout, pause_image, cni_plugins),
        run / "kubelet.yaml": _yaml(_kubelet(layout)),
        run / "proxy.yaml": _yaml(_proxy(layout)),
        run / "scheduler.yaml": _yaml(_scheduler(layout)),
        run / "resolv.conf": "# the cluster's DNS server has nobody to ask: there is no way out of the machine\n",
    }


def _network(layout: Layout) -> Mapping[str, object]:
    ipam = {
        "type": "host-local",
        "dataDir": f"{layout.run}/cni-addresses",
        "ranges": [[{"subnet": POD_NETWORK, "gateway": POD_GATEWAY}]],
        # No default route: what is not of the cluster is unreachable, and a program learns so at once.
        "routes": [{"dst": SERVICE_NETWORK}, {"dst": f"{NODE_ADDRESS}/32"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,  # a pod that reaches itself through its Service
        "ipam": ipam,
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}


def _containerd(layout: Layout, pause_image: str, cni_plugins: str) -> str:
    """Version 2 of the format, which containerd 1.6 reads and 2.x migrates by itself.

    ``restrict_oom_score_adj`` and ``oom_score``: without CAP_SYS_RESOURCE a negative score is refused, and the pod with
    it ("can't get final child's PID from pipe: EOF").
    """
    unused = ["aufs", "btrfs", "devmapper", "zfs"]
    disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unused]
    disabled += ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{layout.image_store}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = {json.dumps(disabled)}
[grpc]
  address = "{CONTAINERD_SOCKET}"
{cri}]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = true
{cri}.cni]
  bin_dir = "{cni_plugins}"
  conf_dir = "{layout.run}/cni"
{cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
{cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def _kubelet(layout: Layout) -> Mapping[str, object]:
    pki = layout.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.name}",
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": DOMAIN,
        "containerLogMaxSize": "100Mi",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "eventRecordQPS": 0,
        # The machine's disk is not the cluster's own: pods are evicted only when it is really full.
        "evictionHard": {
            "imagefs.available": "1Gi",
            "imagefs.inodesFree": "1%",
            "memory.available": "100Mi",
            "nodefs.available": "1Gi",
            "nodefs.inodesFree": "1%",
        },
        "failCgroupV1": False,
        "failSwapOn": False,
        # Images come from no registry: one that the kubelet collected would be gone.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "kubeAPIBurst": 400,
        "kubeAPIQPS": 200,
        "maxPods": 200,
        "oomScoreAdj": 0,
        # Where every node has them, and whoever collects logs looks for them.
        "podLogsDir": "/var/log/pods",
        "registryPullQPS": 0,
        "resolvConf": f"{layout.run}/resolv.conf",
        "serializeImagePulls": False,
        "tlsCertFile": f"{pki}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-server.key",
        "volumePluginDir": f"{layout.run}/volume-plugins",
    }


def _proxy(layout: Layout) -> Mapping[str, object]:
    """``conntrack`` zeros: its limits are the machine's and cannot be set from a network namespace."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": NODE_ADDRESS,
        "clientConnection": {"kubeconfig": f"{layout.pki}/proxy.kubeconfig"},
        "clusterCIDR": POD_NETWORK,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
        "detectLocalMode": "ClusterCIDR",
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": NODE,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "0s"},
        "oomScoreAdj": 0,
    }


def _scheduler(layout: Layout) -> Mapping[str, object]:
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"burst": 400, "kubeconfig": f"{layout.pki}/scheduler.kubeconfig", "qps": 200},
        "leaderElection": {"leaderElect": False},
    }


def _yaml(content: Mapping[str, object]) -> str:
    text: str = yaml.safe_dump(dict(content), sort_keys=False)
    return text


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(content, indent=1)
