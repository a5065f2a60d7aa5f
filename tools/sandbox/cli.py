"""The command line."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from tools import version
from tools.sandbox.cluster import Cluster
from tools.sandbox.errors import SandboxError
from tools.sandbox.extras import EXTRAS
from tools.sandbox.locks import locked
from tools.sandbox.paths import Layout
from tools.sandbox.progress import Progress
from tools.sandbox.up import Sandbox, assemble

DESCRIPTION = """A real single-node Kubernetes on this machine, in namespaces of its own.
The host sees one loopback port, the API server's; the cluster has no way out of the machine."""

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 not done (said why on stderr), 2 wrong usage, 130 interrupted."""
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        layout = Layout.from_environment(os.environ)
        command: Callable[[Layout, Progress, argparse.Namespace], int] = options.command
        return command(layout, progress, options)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sandbox: interrupted; what is done is kept, and the same command goes on from there", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `logs … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.sandbox", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=version.shown())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, function: Callable[[Layout, Progress, argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        return command

    up = add("up", _up, "build what is missing, start the cluster, return when it is ready; nothing to do if it is")
    _add_extras(up)
    down = add("down", _down, "end the cluster and leave nothing of it on the machine but its data in the cache folder")
    down.add_argument("--purge", action="store_true", help="delete its data too, Pulumi's state included; images stay")
    add("status", _status, "what runs; exit code 0 when the cluster is ready, 1 when it is not")
    logs = add("logs", _logs, "print a daemon's log")
    logs.add_argument("name", metavar="NAME", help="such as kubelet, kube-apiserver, containerd, init")
    logs.add_argument("--lines", type=int, metavar="N", help="only the last N")
    images = add("images", _images, "rebuild the images whose files have changed, and import them")
    _add_extras(images)
    images.add_argument("--name", metavar="NAME", help="print the reference of this one alone, such as consumer-v2")
    env = add("env", _env, 'print the settings for kubectl and Pulumi: eval "$(python -m tools.sandbox env)"')
    env.add_argument("--json", action="store_true", help="as a JSON object")
    restart = add("restart", _restart, "kill -9 a daemon, which is then started again")
    restart.add_argument("name", metavar="NAME", help="such as kubelet, kube-apiserver, etcd, containerd")
    execute = add("exec", _exec, "run a command inside the cluster's namespaces")
    execute.add_argument("argv", nargs="+", metavar="CMD", help="after --")
    return parser


def _add_extras(command: argparse.ArgumentParser) -> None:
    told = "; ".join(f"{extra.name}: {extra.about}" for extra in EXTRAS.values())
    command.add_argument(
        "--with",
        dest="extras",
        action="append",
        choices=sorted(EXTRAS),
        default=[],
        help=f"what is not made unless it is asked for, and stays when it is not ({told}); may be given several times",
    )


def _up(layout: Layout, progress: Progress, options: argparse.Namespace) -> int:
    with _exclusive(layout, progress):
        sandbox = _assemble(layout, progress)
        sandbox.up(options.extras)
    progress.say('the sandbox is up: eval "$(python -m tools.sandbox env)" sets your shell up for it')
    return 0


def _down(layout: Layout, progress: Progress, options: argparse.Namespace) -> int:
    with _exclusive(layout, progress):
        cluster = Cluster(layout)
        cluster.stop()
        if options.purge:
            cluster.purge()
    progress.say("the sandbox is down" + (", its data deleted" if options.purge else ""))
    return 0


def _status(layout: Layout, progress: Progress, _: argparse.Namespace) -> int:
    sandbox = _assemble(layout, progress)
    pid = sandbox.cluster.pid()
    if pid is None:
        print("the sandbox is not running")
        return 1
    print(f"sandbox: process {pid}, API server at {layout.server}, data in {layout.sandbox}")
    for name, daemon in sandbox.cluster.daemons().items():
        state = "running" if daemon.pid else f"waits to be started again (ended with {daemon.last_status})"
        print(f"  {name:24} {state}{f', started {daemon.starts} times' if daemon.starts > 1 else ''}")
    kubectl = sandbox.kubectl()
    try:
        node = kubectl.node_state()
        pods = kubectl.pods()
    except SandboxError as error:
        print(f"node: unknown\n{error}")
        return 1
    print(f"node: {node}")
    for name, phase, restarts in pods:
        print(f"  {name:48} {phase}{f', {restarts} restarts' if restarts else ''}")
    return 0 if node == "Ready" else 1


def _logs(layout: Layout, _: Progress, options: argparse.Namespace) -> int:
    names = sorted(path.stem for path in layout.logs.glob("*.log"))
    if options.name not in names:
        there = ", ".join(names) or "none: the sandbox has not been started yet"
        raise SandboxError(f"no log of {options.name!r}; there are: {there}")
    with (layout.logs / f"{options.name}.log").open(errors="replace") as file:
        lines = file.readlines()
    sys.stdout.writelines(lines[-options.lines :] if options.lines else lines)
    sys.stdout.flush()
    return 0


def _images(layout: Layout, progress: Progress, options: argparse.Namespace) -> int:
    with _exclusive(layout, progress):
        sandbox = _assemble(layout, progress)
        sandbox.build_images(options.extras)
    text = layout.image_references.read_text()
    print(text if options.name is None else _named(json.loads(text), options.name), end="")
    return 0


def _named(references: Mapping[str, str], name: str) -> str:
    """The line of one image. SandboxError when there is none of that name."""
    if name not in references:
        raise SandboxError(f"no image {name!r} is handed out; there are: {', '.join(references)}")
    return f"{references[name]}\n"


def _env(layout: Layout, progress: Progress, options: argparse.Namespace) -> int:
    sandbox = _assemble(layout, progress)
    variables = sandbox.toolbox.variables() | sandbox.catalogue.variables()
    if options.json:
        print(json.dumps(variables, indent=1))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


def _restart(layout: Layout, progress: Progress, options: argparse.Namespace) -> int:
    pid = Cluster(layout).kill(options.name)
    progress.say(f"killed {options.name}, process {pid} in there; it is started again")
    return 0


def _exec(layout: Layout, _: Progress, options: argparse.Namespace) -> int:
    return subprocess.run(Cluster(layout).enter(options.argv), check=False).returncode


def _assemble(layout: Layout, progress: Progress) -> Sandbox:
    return assemble(layout, dict(os.environ), progress)


def _exclusive(layout: Layout, progress: Progress) -> AbstractContextManager[None]:
    def waiting() -> None:
        progress.say("another command works on the sandbox: waiting for it to end")

    return locked(layout.sandbox / "lock", waiting)
