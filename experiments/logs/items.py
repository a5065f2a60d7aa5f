"""The plan's log items: what is to be seen, which of our lines says it, the LogsQL query that finds it, what is normal.

The one list: a run asks these queries, the page shows them, the tests hold them against our programs' own lines.

A query is a template. `$of` is what bounds it in time, `$member`, `$sidecar`, `$controller`, `$worker` and `$broker`
are filters of the streams of these containers, and `$groups` is a regular expression of the switch's consumer groups.
Each answers with rows of figures, of which `lines` is how many lines there were, and `bad` how many of them are never
normal; `what` tells rows apart. VictoriaLogs' own names: https://docs.victoriametrics.com/victorialogs/logsql/
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Situation:
    """What the numbers of a span are compared with.

    switches: how often a grant was moved in it. members: pods of a colour that are told to pause and to resume;
    workers: those that do the work.
    """

    switches: int
    members: int
    workers: int


@dataclass(frozen=True, slots=True)
class Normal:
    """How many lines of an item are normal in a span in which there was a switch, in words and as a rule. always:
    whether that holds for a span without one, too.
    """

    words: str
    holds: Callable[[int, Situation], bool]
    always: bool = False


NONE = Normal("none", lambda lines, _: lines == 0, always=True)
SOME = Normal("some", lambda lines, _: lines > 0)
ANY = Normal("any number", lambda _, __: True)
PER_SWITCH = Normal("at least one for each switch", lambda lines, now: lines >= now.switches)
TWO_PER_SWITCH = Normal("at least two for each switch", lambda lines, now: lines >= 2 * now.switches)
PER_MEMBER = Normal(
    "at least two for each switch and pod of a colour: one that pauses, one that resumes",
    lambda lines, now: lines >= 2 * now.members * now.switches,
)
PER_WORKER = Normal(
    "at least one for each switch and pod at work", lambda lines, now: lines >= now.workers * now.switches
)


@dataclass(frozen=True, slots=True)
class Question:
    """How an item is found. says: our line, and who writes it. bad: which lines are never normal; empty for none.

    ours: whether only this project's own application writes the line; of another one nothing can be expected.
    """

    says: str
    query: str
    normal: Normal
    bad: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the plan.

    key: its name in a result. of: whose log it is. plan: the plan's words, translated. consumers, connectors: how it is
    found, by what the colours are.
    """

    key: str
    of: str
    plan: str
    consumers: Question
    connectors: Question


CONSUMER, SWITCH, BROKER = "Consumer application", "Switch controller and sidecar", "Kafka broker"

_CALLS = Question(
    "`lifecycle call` (member): call, epoch, status, state, duration_ms",
    '$of $member _msg:="lifecycle call"'
    " | stats by (call) count() lines, count() if (status:>=500) bad, quantile(0.5, duration_ms) median_ms,"
    " max(duration_ms) worst_ms | rename call as what",
    PER_MEMBER,
    bad="answers that came too late (504), or a resume that was lost again (503)",
)
_STEPS = Question(
    "`step` (agent): the step of a pause or a resume that it carried out, seconds",
    "$of $member _msg:=step | stats by (step) count() lines, quantile(0.5, seconds) median_s, max(seconds) worst_s"
    " | rename step as what",
    TWO_PER_SWITCH,
)
_ASSIGNED = Question(
    "`partitions assigned` (consumer; `paused` says whether it waits), `partitions revoked`, and `started` where the "
    "owner of partitions begins at carried offsets",
    '$of $member (_msg:in("partitions assigned", "partitions revoked")'
    ' or (_msg:=started logger:="workloads.consumer.carrier"))'
    " | stats by (_msg) count() lines, count() if (paused:=true) paused | rename _msg as what",
    PER_WORKER,
    ours=True,
)
_WORKERS_ASSIGNED = Question(
    "`Adding newly assigned partitions`, `Revoke previously assigned partitions` (Connect worker)",
    '$of $worker ("Adding newly assigned partitions" or "Revoke previously assigned partitions")'
    ' | stats count() lines, count() if ("Revoke previously assigned partitions") revoked',
    PER_WORKER,
)
_FAILURES = Question(
    "`processing failed` (consumer): partition, offset, error, stack; the first few of each second",
    '$of $member _msg:="processing failed" | stats count() lines, count() if (stack:*) with_stack',
    NONE,
    ours=True,
)
_TASK_FAILURES = Question(
    "`threw an uncaught and unrecoverable exception`, `Error encountered in task` (Connect worker); the stack is in "
    "the lines after it",
    '$of $worker ("threw an uncaught and unrecoverable exception" or "Error encountered in task")'
    " | stats count() lines",
    NONE,
)
_COMMITS = Question(
    "`committed` (consumer): offsets, duration_ms, epoch",
    "$of $member _msg:=committed"
    " | stats count() lines, quantile(0.5, duration_ms) median_ms, max(duration_ms) worst_ms",
    SOME,
    ours=True,
)
_COMMITS_AT_THE_BROKER = Question(
    "`Replaying offset commit`, `Replaying transactional offset commit` (broker, one for each partition; "
    "`OffsetMetadataManager` at DEBUG, which a run switches on for its time)",
    "$of $broker ~\"Replaying (transactional )?offset commit.*group='($groups)'\""
    ' | stats count() lines, count() if ("transactional offset commit") transactional, sum_len(_msg) bytes',
    SOME,
)
_CHANGES = Question(
    "`generation seen` (controller), `Lease changed` (sidecar or agent): the switch's object and its Lease are what is "
    "watched here, in place of a ConfigMap",
    '$of ($controller _msg:="generation seen") or $of ($sidecar _msg:="Lease changed")'
    " | stats by (_msg) count() lines | rename _msg as what",
    TWO_PER_SWITCH,
)
_REQUESTS = Question(
    "`pause`, `resume` (sidecar or agent): result, seconds, state, committed, left",
    "$of $sidecar _msg:in(pause, resume)"
    ' | stats by (_msg) count() lines, count() if (level:=warning !result:="not yet") bad,'
    " quantile(0.5, seconds) median_s,"
    " max(seconds) worst_s | rename _msg as what",
    PER_MEMBER,
    bad="no answer, or one that says that it will not be done (`not yet` will be)",
)
_PHASES = Question(
    "`phase` (controller): before, before_seconds; `switch ended`: outcome, seconds, handoff_seconds",
    '$of $controller _msg:in(phase, "switch ended")'
    ' | format if (_msg:=phase) "<before>" as what | format if (_msg:="switch ended") "switch" as what'
    ' | format if (_msg:=phase) "<before_seconds>" as took | format if (_msg:="switch ended") "<seconds>" as took'
    " | stats by (what) count() lines, quantile(0.5, took) median_s, max(took) worst_s",
    PER_SWITCH,
)
_LEASE = Question(
    "`Lease acquired`, `Lease released` (controller): holder, last_holder, epoch, reason",
    '$of $controller _msg:in("Lease acquired", "Lease released")'
    " | stats by (_msg) count() lines, count_uniq(epoch) epochs | math lines - epochs as bad"
    " | rename _msg as what | fields what, lines, bad",
    TWO_PER_SWITCH,
    bad="two under one epoch",
)
_BEGAN = "Preparing to rebalance group ($groups) in state|GroupId ($groups)[]].*Bumped group epoch"
_ENDED = "Stabilized group ($groups) generation"
_REPLACED = (
    "joins group ($groups) in .*Replacing previously mapped member|GroupId ($groups)[]].*to replace the existing"
)
_EXPIRED = "in group ($groups) has failed, removing it|GroupId ($groups)[]].*fenced from the group because its session"
_REBALANCES = Question(
    "`Preparing to rebalance group` and `Stabilized group`, or `Bumped group epoch` (KIP-848); `Replacing previously "
    "mapped member` or `to replace the existing member`: a static member taken over without a rebalance",
    f'$of $broker ~"{_BEGAN}|{_ENDED}|{_REPLACED}|{_EXPIRED}"'
    f' | stats count() lines, count() if (~"{_BEGAN}") began, count() if (~"{_ENDED}") ended,'
    f' count() if (~"{_REPLACED}") replaced, count() if (~"{_EXPIRED}") bad',
    ANY,
    bad="members whose session ran out",
)

ITEMS: tuple[Item, ...] = (
    Item("lifecycle_calls", CONSUMER, "calls of /lifecycle/pause and /lifecycle/resume, their time", _CALLS, _STEPS),
    Item(
        "assignments",
        CONSUMER,
        "onPartitionsAssigned, onPartitionsRevoked, and the pause that is applied again",
        _ASSIGNED,
        _WORKERS_ASSIGNED,
    ),
    Item("failures", CONSUMER, "records whose handling failed, with the stack", _FAILURES, _TASK_FAILURES),
    Item("commits", CONSUMER, "when commitSync was done", _COMMITS, _COMMITS_AT_THE_BROKER),
    Item("changes_seen", SWITCH, "the change of the ConfigMap that is noticed", _CHANGES, _CHANGES),
    Item("requests", SWITCH, "requests to pause and to resume, and what was answered", _REQUESTS, _REQUESTS),
    Item("phases", SWITCH, "how long each step of a switch took", _PHASES, _PHASES),
    Item("lease", SWITCH, "the Lease, taken and given back: never both colours", _LEASE, _LEASE),
    Item("rebalances", BROKER, "rebalances, begun and ended", _REBALANCES, _REBALANCES),
    Item("offset_commits", BROKER, "offsets that a group commits", _COMMITS_AT_THE_BROKER, _COMMITS_AT_THE_BROKER),
)
