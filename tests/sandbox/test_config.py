import ipaddress
import json

import yaml

from tools.sandbox import config
from tools.sandbox.kubectl import render
from tools.sandbox.paths import Layout


def _flags(layout: Layout, daemon: str) -> list[str]:
    return next(list(d.command) for d in config.daemons(layout, layout.bin) if d.name == daemon)


def test_every_configuration_file_is_well_formed(layout: Layout) -> None:
    for path, text in config.files(layout, "localhost/pause:1", "/usr/lib/cni").items():
        match path.suffix:
            case ".yaml":
                assert yaml.safe_load(text)["kind"].endswith("Configuration")
            case ".conflist":
                assert json.loads(text)["plugins"]
            case ".toml":
                assert 'sandbox_image = "localhost/pause:1"' in text
                assert 'bin_dir = "/usr/lib/cni"' in text


def test_every_file_that_a_daemon_is_given_is_made(layout: Layout) -> None:
    """Certificates, keys, kubeconfigs and configuration files, as named in the flags and in the files themselves."""
    files = config.files(layout, "pause", "/cni")
    made = {str(path) for path in files} | {str(user.path) for user in config.users(layout)}
    for name in ("ca", "front-proxy-ca", "etcd-ca", *(leaf.file for leaf in config.leaves())):
        made |= {f"{layout.pki}/{name}.crt", f"{layout.pki}/{name}.key"}
    made |= {f"{layout.pki}/service-account.{suffix}" for suffix in ("key", "pub")}
    texts = [flag for daemon in config.daemons(layout, layout.bin) for flag in daemon.command] + list(files.values())
    suffixes = (".crt", ".key", ".pub", ".kubeconfig", ".yaml", ".toml", ".conf")
    named = {
        word
        for text in texts
        for word in text.replace("=", " ").replace('"', " ").split()
        if word.startswith(str(layout.sandbox)) and word.endswith(suffixes)
    }
    assert named
    assert named <= made


def test_networks_do_not_overlap_and_addresses_are_where_they_belong() -> None:
    pods, services = ipaddress.ip_network(config.POD_NETWORK), ipaddress.ip_network(config.SERVICE_NETWORK)
    assert not pods.overlaps(services)
    assert ipaddress.ip_address(config.POD_GATEWAY) in pods
    # Upstream gives the API server's Service the first address of the range, whatever the certificate says.
    assert ipaddress.ip_address(config.API_SERVICE_ADDRESS) == next(services.hosts())
    assert ipaddress.ip_address(config.DNS_ADDRESS) in services
    node = ipaddress.ip_address(config.NODE_ADDRESS)
    assert node not in pods
    assert node not in services


def test_access_is_by_certificates_roles_and_tokens(layout: Layout) -> None:
    apiserver = _flags(layout, "kube-apiserver")
    assert "--authorization-mode=Node,RBAC" in apiserver
    assert "--anonymous-auth=false" in apiserver
    assert any("NodeRestriction" in flag for flag in apiserver)
    assert "--use-service-account-credentials=true" in _flags(layout, "kube-controller-manager")
    assert "--client-cert-auth" in _flags(layout, "etcd")
    kubelet = yaml.safe_load(config.files(layout, "p", "/cni")[layout.run / "kubelet.yaml"])
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}
    masters = [leaf.file for leaf in config.leaves() if "system:masters" in leaf.organizations]
    assert masters == ["admin"]


def test_only_the_administrator_goes_through_the_hosts_port(layout: Layout) -> None:
    servers = {user.certificate: user.server for user in config.users(layout)}
    assert servers.pop("admin") == "https://127.0.0.1:16443"
    assert set(servers.values()) == {config.API_SERVER}


def test_manifests_are_complete_and_use_the_images_by_reference(layout: Layout) -> None:
    text = render(layout, {"coredns": "localhost/dns:1", "volume-provisioner": "localhost/volumes:2"})
    objects = list(yaml.safe_load_all(text))
    assert "${" not in text
    images = [
        c["image"] for o in objects if o["kind"] == "Deployment" for c in o["spec"]["template"]["spec"]["containers"]
    ]
    assert images == ["localhost/dns:1", "localhost/volumes:2"]
    default = "storageclass.kubernetes.io/is-default-class"
    classes = [o for o in objects if o["kind"] == "StorageClass"]
    assert [(c["metadata"]["name"], c["metadata"]["annotations"][default]) for c in classes] == [("standard", "true")]
    (dns,) = (o for o in objects if o["kind"] == "Service")
    assert dns["spec"]["clusterIP"] == config.DNS_ADDRESS
