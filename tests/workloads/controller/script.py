"""A controller without an API server, a broker or threads: a test fills its store by hand, turns its loop, and looks at
what it wrote, asked for and told, in order.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from tests.workloads.controller.samples import pod_object, switch_object
from workloads.common.kube import ApiError, Event, Kube, Object
from workloads.common.lease import Grant, for_object, from_lease, to_lease
from workloads.common.report import Report
from workloads.common.states import Color, State
from workloads.controller.leases import LeaseWriter
from workloads.controller.loop import Controller
from workloads.controller.measure import Measurer
from workloads.controller.measured import Result, Task
from workloads.controller.narrator import Narrator
from workloads.controller.observe import Switch
from workloads.controller.places import Place
from workloads.controller.publisher import Publisher
from workloads.controller.scaled import Size
from workloads.controller.sets import SetSizes
from workloads.controller.sight import Store
from workloads.controller.strangers import GroupWatch, Question
from workloads.controller.telemetry import Telemetry
from workloads.controller.topic import TopicWatch
from workloads.controller.watches import LEASES, Watches

LEASES_PATH = LEASES.format("n")


class ScriptedKube(Kube):
    """An API server with one Lease and one switch, and optimistic locking. `errors` are raised by the next writes."""

    def __init__(self, log: list[str]) -> None:
        self.version = 100
        self.lease: Object | None = None
        self.switch: Object | None = None
        self.errors: list[Exception] = []
        self._log = log

    def sibling(self, connections: int = 1) -> "ScriptedKube":
        return self

    def get(self, path: str, *, deadline: float = 1.0) -> Object:
        if path.startswith(LEASES_PATH) and self.lease is not None:
            return self.lease  # by another thread than the loop's
        self._log.append("reads the switch")
        if self.switch is None:
            raise ApiError(f"GET {path}", 404, "NotFound", path)
        return self.switch

    def list(self, path: str, *, fields_are: str = "", labels_are: str = "", deadline: float = 1.0) -> Object:
        self._log.append("reads the Lease")
        return {
            "metadata": {"resourceVersion": str(self.version)},
            "items": [] if self.lease is None else [self.lease],
        }

    def put(self, path: str, body: Object, *, deadline: float = 1.0) -> Object:
        if self.lease is None or self.lease["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ApiError(f"PUT {path}", 409, "Conflict", "it was written meanwhile")
        return self.stored(body)

    def post(self, path: str, body: Object, *, deadline: float = 1.0, accept: str = "application/json") -> Object:
        if self.lease is not None:
            raise ApiError(f"POST {path}", 409, "AlreadyExists", "it exists")
        return self.stored(body)

    def stored(self, body: Object) -> Object:
        if self.errors:
            raise self.errors.pop(0)
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        grant = from_lease(self.lease)
        self._log.append(f"writes {grant.holder or 'nobody'}@{grant.epoch} {grant.outcome or ''}".strip())
        return self.lease


class ScriptedWatches(Watches):
    """They follow nothing; what is asked of them is written down."""

    def __init__(self, store: Store, log: list[str]) -> None:
        self._store = store
        self._log = log
        self._followed: str | None = None
        self.asked: Hashable = None

    def follow(self, switch: Switch) -> bool:
        known, self._followed = self._followed is not None, switch.lease_name
        if not known:
            self._store.expect_pods_of(switch)
        return known

    def ask_list(self, key: Hashable) -> None:
        if key != self.asked:
            self._log.append("asks for a list")
        self.asked = key

    def listen(self, addresses: Mapping[str, str]) -> None:
        pass


class ScriptedMeasurer(Measurer):
    """Measures nothing: a test says what came out, for the phase that asked."""

    def __init__(self) -> None:
        self.key: Hashable = None
        self.task: Task | None = None
        self.says = Result()

    def keep_warm(self, topic: str, partitions: int, groups: Iterable[str] = ()) -> None:
        pass

    def measure(self, key: Hashable, task: Task | None) -> None:
        if key != self.key:
            self.says = Result()
        self.key, self.task = key, task

    def result(self, key: Hashable) -> Result:
        return self.says if key == self.key else Result()


class ScriptedTopic(TopicWatch):
    """A topic of as many partitions as a test says."""

    def __init__(self) -> None:
        self.there: int | None = None
        self.short = ""

    def partitions(self, topic: str) -> int | None:
        return self.there

    def shrunken(self, topic: str) -> str:
        return self.short


class ScriptedGroup(GroupWatch):
    """A group with as many members of others as a test says; what is asked is kept."""

    def __init__(self) -> None:
        self.question: Question | None = None
        self.others: tuple[Place, ...] = ()

    def ask(self, question: Question | None) -> None:
        self.question = question

    def foreign(self) -> tuple[Place, ...]:
        return self.others


class ScriptedSets(SetSizes):
    """Writes nothing; what the sets are to have is kept."""

    def __init__(self) -> None:
        self.wanted: dict[str, Size | None] = {}

    def want(self, sets: Iterable[str], size: Size | None, still: Callable[[], bool]) -> None:
        self.wanted = dict.fromkeys(filter(None, sets), size)


class ScriptedPublisher(Publisher):
    """Publishes nothing; what it should is kept."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.uid = ""
        self.status: dict[str, Any] = {}
        self.notes: list[tuple[str, str]] = []

    def publish(self, uid: str, status: dict[str, Any]) -> None:
        if (uid, status) != (self.uid, self.status):
            self._log.append(f"shows {status['phase']}")
        self.uid, self.status = uid, status

    def note(self, uid: str, reason: str, message: str, *, warning: bool, at: float) -> None:
        self.notes.append((uid, reason))


class Script:
    """Two colours of two pods each, on four partitions; blue is active under epoch 2 unless a test says otherwise."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.kube = ScriptedKube(self.log)
        self.store = Store()
        self.watches = ScriptedWatches(self.store, self.log)
        self.measurer = ScriptedMeasurer()
        self.topic = ScriptedTopic()
        self.group = ScriptedGroup()
        self.sets = ScriptedSets()
        self.publisher = ScriptedPublisher(self.log)
        self.telemetry = Telemetry()
        self.controller = self.another()
        self._version = 1000

    def another(self) -> Controller:
        """A controller process that remembers nothing, on the same store."""
        return Controller(
            self.kube,
            "switch",
            store=self.store,
            watches=self.watches,
            leases=LeaseWriter(self.kube, LEASES_PATH, self.store),
            measurer=self.measurer,
            narrator=Narrator(self.publisher, self.telemetry),
            topic=self.topic,
            group=self.group,
            sets=self.sets,
        )

    def turn(self) -> list[str]:
        """One turn of the loop; what it did, in order."""
        self.log.clear()
        self.controller.turn()
        return list(self.log)

    # -- what the watches would say ------------------------------------------------------------------------------------

    def asks(self, active: str, generation: int, uid: str = "u1", **changes: Any) -> Object:
        """The switch, as it is read now."""
        self._version += 1
        made = switch_object(active=active, lagPolicy="immediate", partitions=4, **changes)
        for color in Color:
            made["spec"][color]["replicas"] = 2
        made["metadata"] |= {"uid": uid, "generation": generation, "resourceVersion": str(self._version)}
        self.kube.switch = made
        self.store.switch_is(made)
        return made

    def leased(self, grant: Grant | None, uid: str = "u1") -> None:
        """The Lease, as somebody else wrote it, and as it is read now."""
        self.kube.version += 1
        self.kube.lease = None
        if grant is not None:
            made = to_lease(grant, "l", "now", switch_uid=uid)
            made["metadata"]["resourceVersion"] = str(self.kube.version)
            self.kube.lease = made
        self.store.lease_is(self.kube.lease, self.kube.version)

    def stands(
        self,
        color: Color,
        state: State,
        epoch: int,
        *,
        only: tuple[int, ...] = (0, 1),
        left: bool = False,
        restarts: int = 0,
        ready: bool = True,
    ) -> None:
        """What pods of a colour report, and that they exist. restarts: of each one's container."""
        for number in only:
            uid = f"uid-{color}-{number}"
            share = ((0, 1), (2, 3))[number] if state is State.ACTIVE else ()
            self._version += 1
            pod = pod_object(f"{color}-{number}", self._version, str(color))
            pod["status"]["conditions"][0]["status"] = str(ready)
            pod["status"]["containerStatuses"] = [{"name": "consumer", "restartCount": restarts}]
            self.store.pod_changed(Event("MODIFIED", pod))
            self.store.heard(uid, Report("b", state, epoch, epoch, partitions=share, left=left, at=self._version))

    def owns(self, color: Color, number: int, partitions: tuple[int, ...]) -> None:
        """An ACTIVE pod reports that it owns these."""
        self._version += 1
        epoch = (self.grant() or Grant(None, 0)).epoch
        report = Report("b", State.ACTIVE, epoch, epoch, partitions=partitions, at=self._version)
        self.store.heard(f"uid-{color}-{number}", report)

    def goes(self, color: Color, number: int) -> None:
        """A pod is deleted."""
        self._version += 1
        pod = pod_object(f"{color}-{number}", self._version, str(color))
        self.store.pod_changed(Event("DELETED", pod))

    def lists(self) -> None:
        """The list that was asked for last is there, and shows what is known."""
        self.store.list_ended(self.watches.asked, [], 0)

    def begins(self, grant: Grant, asked: str = "blue", generation: int = 1, **changes: Any) -> None:
        """Everything has been read once."""
        self.asks(asked, generation, **changes)
        self.turn()
        self.leased(grant)
        self.store.pods_listed([], 1)
        self.stands(Color.BLUE, State.ACTIVE if grant.holder is Color.BLUE else State.PAUSED, grant.epoch)
        self.stands(Color.GREEN, State.ACTIVE if grant.holder is Color.GREEN else State.PAUSED, grant.epoch)
        self.turn()

    def grant(self) -> Grant | None:
        """The Lease as it stands, as the switch has to take it."""
        uid = "" if self.kube.switch is None else self.kube.switch["metadata"]["uid"]
        return None if self.kube.lease is None else for_object(self.kube.lease, uid)

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition as it is shown."""
        return next((c["status"], c["reason"]) for c in self.publisher.status["conditions"] if c["type"] == kind)
