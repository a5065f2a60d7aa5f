"""A Connect worker's configuration as the file that it reads at its start."""

from collections.abc import Mapping

from workloads.connect_operator import names


def worker_file(config: Mapping[str, str]) -> str:
    """The same file for every worker: its own host name comes from its environment (KIP-887's provider)."""
    providers = ",".join(filter(None, (config.get("config.providers"), "podenv")))
    whole = {
        **config,
        "config.providers": providers,
        "config.providers.podenv.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.podenv.param.allowlist.pattern": "ADVERTISED_HOSTNAME",
        "listeners": f"http://:{names.REST_PORT}",
        "rest.advertised.host.name": "${podenv:ADVERTISED_HOSTNAME}",
        "rest.advertised.port": str(names.REST_PORT),
    }
    return "".join(f"{_escaped(key, in_key=True)}={_escaped(value)}\n" for key, value in sorted(whole.items()))


def _escaped(text: str, *, in_key: bool = False) -> str:
    """As `java.util.Properties` reads it back."""
    out = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    if in_key:
        for mark in (" ", "=", ":", "#", "!"):
            out = out.replace(mark, "\\" + mark)
    return f"\\{out}" if not in_key and out.startswith(" ") else out
