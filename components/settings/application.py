"""An application that is not this project's, as a colour's pods run it. What it has to do is the contract
(`workloads/member/contract.md`): its lifecycle API on the loopback's port 8081, everything else on port 8080.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from components.settings.declare import Allowed, Section

Word = Annotated[str, Field(min_length=1)]
Command = Annotated[
    tuple[Word, ...],
    Allowed("a list of words"),
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^:\s]*$")]
Path = Annotated[str, Field(pattern=r"^/[^\s]*$"), Allowed("a path that begins with /")]
Quantity = Annotated[
    str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$"), Allowed("a Kubernetes quantity, such as 250m or 1Gi")
]
_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
SecretKey = Annotated[str, Field(pattern=rf"^{_NAME}/[-._a-zA-Z0-9]+$")]
Volume = Annotated[str, Field(pattern=rf"^(emptyDir|configMap/{_NAME}|secret/{_NAME})$")]


class Application(Section):
    """How its container is run. What the contract gives it is in its environment, as `BG_TOPIC` and the like, before
    `env`, whose values may refer to it as `$(BG_TOPIC)`.

    More than a dozen attributes: its fields are keys of the configuration, one each.
    """

    command: Command = Field(default=(), description="what it runs; the image's own entry point by default")
    env: Annotated[dict[EnvName, str], Allowed("names and texts")] = Field(
        default_factory=dict, description="its environment"
    )
    secret_env: Annotated[dict[EnvName, SecretKey], Allowed("names, each with NAME/KEY of a Secret")] = Field(
        default_factory=dict, description="its environment, from keys of Secrets: NAME/KEY"
    )
    volumes: Annotated[
        dict[AbsolutePath, Volume], Allowed("absolute paths, each with emptyDir, configMap/NAME or secret/NAME")
    ] = Field(default_factory=dict, description="by mount path: emptyDir, configMap/NAME or secret/NAME")
    ports: dict[
        Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$")], Annotated[int, Field(ge=1, le=65535)]
    ] = Field(default_factory=dict, description="ports of its own, by name, besides the contract's 8080 and 8081")
    uid: int = Field(default=10001, ge=1, le=2147483647, description="the user and group that its pods run as")
    writable: bool = Field(default=False, description="whether it may write to its image's file system")
    ready_path: Path = Field(default="/readyz", description="its readiness probe, on port 8080")
    alive_path: Path = Field(default="/healthz", description="its liveness and startup probe, on port 8080")
    startup_seconds: int = Field(default=60, ge=1, le=3600, description="how long it may take to be alive at first")
    cpu: Quantity = Field(default="50m", description="what it asks for")
    memory: Quantity = Field(default="64Mi", description="what it asks for")
    memory_limit: Quantity = Field(default="384Mi", description="beyond it, it is ended")
