"""Every value that cannot be deployed is refused by its name, with what is allowed."""

import json
from typing import Any

import pytest

from components.settings import (
    PROTOCOL_OWNED,
    ConsumerColorSettings,
    SettingsError,
    StackName,
    platform_settings,
    registry,
    schema_defaults,
    strategy_settings,
    values,
)

STACK = "strategy-c"


def raw(**values: Any) -> dict[str, str]:
    """A configuration as Pulumi hands it over: strings, objects as JSON."""
    given = {"strategy": "c", **values}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}


def problems(stack: str = STACK, **values: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        strategy_settings(raw(**values), stack)
    return refused.value.problems


def test_defaults_are_those_of_the_design() -> None:
    settings = strategy_settings({"strategy": "c"}, STACK)
    assert settings.model_dump() == {
        "strategy": "c",
        "active": "blue",
        "attempt": 1,
        "topic": "bluegreen",
        "partitions": 12,
        "replicas": 3,
        "rate": 100,
        "message_bytes": 512,
        "membership": "takeover",
        "paused": False,
        "scaler": None,
        "group_protocol": "classic",
        "lag_policy": "wait",
        "lag_timeout_seconds": 120,
        "lag_threshold": 0,
        "ready_timeout_seconds": 30,
        "page": False,
        "allow_in_place": False,
        "drain_timeout_seconds": 10,
        "resume_timeout_seconds": 10,
        "session_timeout_seconds": 60,
        "producer": {"partitions": ()},
        "analysis": None,
        "on_rollback": "continue",
        "blue": {"image": None, "version": "1", "replicas": None, "application": None, "faults": None, "config": {}},
        "green": {"image": None, "version": "1", "replicas": None, "application": None, "faults": None, "config": {}},
        "images": None,
    }


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("active", "purple", "'blue' or 'green'"),
        ("active", "", "'blue' or 'green'"),
        ("active", "Blue", "'blue' or 'green'"),
        ("attempt", "0", "a whole number from 1 to"),
        ("attempt", "one", "a whole number from 1 to"),
        ("topic", "", "1 to 249 letters"),
        ("topic", "a b", "1 to 249 letters"),
        ("topic", "x" * 250, "1 to 249 letters"),
        ("topic", "..", "1 to 249 letters"),
        ("topic", "__consumer_offsets", "1 to 249 letters"),
        ("topic", "bluegreen\n", "1 to 249 letters"),
        ("partitions", "0", "a whole number from 1 to 1000"),
        ("partitions", "12.5", "a whole number from 1 to 1000"),
        ("partitions", "1001", "a whole number from 1 to 1000"),
        ("replicas", "0", "a whole number from 1 to 100"),
        ("replicas", "-1", "a whole number from 1 to 100"),
        ("replicas", "true", "a whole number from 1 to 100"),
        ("rate", "-1", "a whole number from 0 to 1000000"),
        ("rate", "1000001", "a whole number from 0 to 1000000"),
        ("rate", "1e3", "a whole number from 0 to 1000000"),
        ("messageBytes", "63", "a whole number from 64 to 1000000"),
        ("messageBytes", "1000001", "a whole number from 64 to 1000000"),
        ("membership", "static", "'takeover' or 'leave-join' or 'shared'"),
        ("groupProtocol", "kip-848", "'classic' or 'consumer'"),
        ("lagPolicy", "never", "'wait' or 'immediate'"),
        ("lagTimeoutSeconds", "0", "a whole number from 1 to 3600"),
        ("readyTimeoutSeconds", "-1", "a whole number from 0 to 3600"),
        ("lagThreshold", "-1", "a whole number from 0 to"),
        ("drainTimeoutSeconds", "0", "a whole number from 1 to 300"),
        ("resumeTimeoutSeconds", "301", "a whole number from 1 to 300"),
        ("sessionTimeoutSeconds", "soon", "a whole number from 1 to 1800"),
        ("blue", [], "an object with image, version, replicas, application, faults, config"),
        ("green", "green", "an object with image, version, replicas, application, faults, config"),
        ("producer", [0], "an object with partitions"),
        ("producer", {"partitions": [-1]}, "a list of partition numbers from 0"),
        ("producer", {"partitions": 3}, "a list of partition numbers from 0"),
        ("analysis", {"seconds": 0, "maxErrorRate": 0.1}, "a whole number from 1 to 3600"),
        ("analysis", {"seconds": 5, "maxErrorRate": 1.1}, "a number from 0 to 1"),
        ("analysis", {"seconds": 5, "maxErrorRate": 0.1, "minRecords": 0}, "a whole number from 1 to 1000000000"),
        ("analysis", {"seconds": 5, "maxErrorRate": 0.1, "maxRestarts": -1}, "a whole number from 0 to 1000"),
        ("onRollback", "Replay", "'continue' or 'replay'"),
        ("analysis", {"seconds": 5, "maxErrorRate": 0.1, "onInconclusive": "Accept"}, "'rollback' or 'accept'"),
        ("analysis", {"templates": ["No Name"], "timeoutSeconds": 9}, "a list of names of AnalysisTemplates"),
        ("analysis", {"templates": ["lag"], "timeoutSeconds": 0}, "a whole number from 1 to 3600"),
        ("analysis", {"templates": ["lag"], "timeoutSeconds": 9, "args": {"a": []}}, "names of arguments of the templ"),
        ("images", {"workloads": ""}, "an image reference"),
        ("images", {"workloads": "two words"}, "an image reference"),
    ],
)
def test_a_wrong_value_is_refused_by_name(key: str, value: Any, allowed: str) -> None:
    (line,) = problems(**{key: value})
    assert line.startswith(f"kafka-bluegreen:{key}")
    assert f"allowed: {allowed}" in line


@pytest.mark.parametrize(
    ("value", "name", "allowed"),
    [
        ({"image": "a b"}, "blue.image", "an image reference"),
        ({"image": 7}, "blue.image", "an image reference"),
        ({"version": 1.10}, "blue.version", "text of at most 63"),
        ({"version": True}, "blue.version", "text of at most 63"),
        ({"version": ""}, "blue.version", "text of at most 63"),
        ({"version": "-1"}, "blue.version", "text of at most 63"),
        ({"replicas": -1}, "blue.replicas", "a whole number from 0 to 100"),
        ({"replicas": "3"}, "blue.replicas", "a whole number from 0 to 100"),
        ({"replica": 3}, "blue.replica", "image, version, replicas, application, faults, config"),
        ({"faults": {"failure_rate": 1.1}}, "blue.faults.failure_rate", "a number from 0 to 1"),
        ({"faults": {"failure_rate": "half"}}, "blue.faults.failure_rate", "a number from 0 to 1"),
        ({"faults": {"processing_delay_ms": -5}}, "blue.faults.processing_delay_ms", "a whole number from 0"),
        ({"faults": {"commit_delay_ms": 0.5}}, "blue.faults.commit_delay_ms", "a whole number from 0"),
        ({"faults": {"exceed_max_poll_interval": 1}}, "blue.faults.exceed_max_poll_interval", "true or false"),
        ({"faults": {"failureRate": 0.5}}, "blue.faults.failureRate", "processing_delay_ms, failure_rate"),
        ({"faults": "none"}, "blue.faults", "an object with processing_delay_ms"),
        ({"config": {"fetch.min.bytes": None}}, "blue.config.fetch.min.bytes", "client settings"),
        ({"config": {"fetch.min.bytes": [1]}}, "blue.config.fetch.min.bytes", "client settings"),
        ({"config": {"Fetch Min": 1}}, "blue.config.Fetch Min", "client settings"),
    ],
)
def test_a_wrong_value_of_a_colour_is_refused_by_name(value: dict[str, Any], name: str, allowed: str) -> None:
    (line,) = problems(blue=value)
    assert line.startswith(f"kafka-bluegreen:{name}: ")
    assert f"allowed: {allowed}" in line


@pytest.mark.parametrize("key", sorted(PROTOCOL_OWNED))
def test_what_the_protocol_owns_is_refused_by_name(key: str) -> None:
    (line,) = problems(green={"config": {key: "x", "fetch.min.bytes": 1}})
    assert line.startswith(f"kafka-bluegreen:green.config.{key}: ")
    assert "the switching protocol" in line


def test_the_protocol_owns_all_that_the_design_says_it_does() -> None:
    named_by_the_design = {
        "group.id",
        "group.instance.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "session.timeout.ms",
        "group.protocol",
        "bootstrap.servers",
    }
    assert named_by_the_design <= set(PROTOCOL_OWNED)


@pytest.mark.parametrize("key", ["nonsense", "Active", "drain_timeout_seconds", "blue.version", "analyses"])
def test_an_unknown_key_is_refused_by_name(key: str) -> None:
    (line,) = problems(**{key: "1"})
    assert line.startswith(f"kafka-bluegreen:{key}: unknown key; allowed: strategy, active, ")


def test_a_key_of_another_kind_of_stack_is_refused_by_name() -> None:
    (line,) = problems(platform="cluster")
    assert line.startswith("kafka-bluegreen:platform: belongs to another kind of stack; allowed here: strategy, ")
    (line,) = problems(control="rest")
    assert line.startswith("kafka-bluegreen:control: belongs to another kind of stack; allowed here: strategy, ")
    with pytest.raises(SettingsError, match="kafka-bluegreen:active: belongs to another kind of stack"):
        platform_settings({"active": "green"})


def test_defaults_that_pulumi_gives_to_every_stack_are_no_error() -> None:
    everything = schema_defaults()
    assert platform_settings(everything) == platform_settings({})
    assert strategy_settings({**everything, "strategy": "c"}, STACK) == strategy_settings({"strategy": "c"}, STACK)


def test_a_strategy_that_is_not_built_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_planned", {"d": ("depth",)})
    (line,) = problems(stack="strategy-d", strategy="d")
    assert line == "kafka-bluegreen:strategy: 'd' is not built yet; allowed: 'b' or 'c' or 'e'"
    (line,) = problems(depth="1")
    assert line.startswith("kafka-bluegreen:depth: belongs to strategy 'd', which is not built yet")


def test_the_keys_of_strategy_b() -> None:
    settings = strategy_settings({"strategy": "b", "groupProtocol": "consumer"}, "strategy-b")
    assert (settings.own("fencing"), settings.own("group_protocol")) == ("transactions", "consumer")
    assert strategy_settings({"strategy": "b", "fencing": "none"}, "strategy-b").own("fencing") == "none"
    (line,) = problems("strategy-b", strategy="b", fencing="perhaps")
    assert line.startswith("kafka-bluegreen:fencing: 'perhaps' is refused; allowed: 'transactions' or 'none'")
    (line,) = problems("strategy-b", strategy="b", membership="shared")
    assert line.startswith("kafka-bluegreen:membership: belongs to another kind of stack; allowed here: strategy, ")
    (line,) = problems(fencing="none")
    assert line.startswith("kafka-bluegreen:fencing: belongs to another kind of stack; allowed here: strategy, ")


@pytest.mark.parametrize("key", ["membership", "fencing"])
def test_without_a_known_strategy_no_strategys_own_key_is_refused(key: str) -> None:
    """Whichever it was meant to be, the key may be right; the rest is still read."""
    own = {key: "shared", "blue": {"faults": {}}, "images": {"connect": "c:1"}}
    told = problems("strategy-d", strategy="d", **own, rate="x", nonsense="1")
    assert [line.split(": ")[0] for line in told] == [
        "kafka-bluegreen:strategy",
        "kafka-bluegreen:nonsense",
        "kafka-bluegreen:rate",
    ]


def test_a_stack_without_strategy_is_refused() -> None:
    for given in ({}, {"strategy": ""}):
        with pytest.raises(SettingsError, match="kafka-bluegreen:strategy: is not set; allowed: 'b' or 'c'"):
            strategy_settings(given, STACK)
    (line,) = problems(strategy="d")
    assert line == "kafka-bluegreen:strategy: 'd' is refused; allowed: 'b' or 'c' or 'e'"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"blue": {"replicas": 0}}, "kafka-bluegreen:blue.replicas: 0 contradicts active: blue;"),
        (
            {"active": "green", "green": {"replicas": 0}, "blue": {"replicas": 3}},
            "kafka-bluegreen:green.replicas: 0 contradicts active: green;",
        ),
        ({"green": {"replicas": 13}}, "kafka-bluegreen:green.replicas: 13 contradicts partitions: 12; at most one"),
        ({"replicas": 13}, "kafka-bluegreen:replicas: 13 contradicts partitions: 12;"),
        (
            {"producer": {"partitions": [0, 12, 11]}},
            "kafka-bluegreen:producer.partitions: [12] contradicts partitions: 12; allowed: 0 to 11",
        ),
        ({"producer": {"partitions": [1, 1]}}, "kafka-bluegreen:producer.partitions: [1, 1] names a partition twice;"),
        (
            {"sessionTimeoutSeconds": 301, "green": {"config": {"max.poll.interval.ms": 301_000}}},
            "at most 300, or set blue",
        ),
        (
            {"green": {"config": {"max.poll.interval.ms": "59999"}}},
            "kafka-bluegreen:green.config.max.poll.interval.ms: 59999 contradicts sessionTimeoutSeconds: 60; at least",
        ),
    ],
)
def test_a_contradiction_between_keys_is_refused_by_name(values: dict[str, Any], line: str) -> None:
    (told,) = problems(**values)
    assert line in told


def test_a_stack_name_that_contradicts_its_strategy_or_cannot_be_a_namespace_is_refused() -> None:
    (line,) = problems(stack="strategy-b")
    assert "kafka-bluegreen:strategy: 'c' contradicts the stack's name" in line
    for stack in ("Strategy_c", "-c", "c" * 64):
        (line,) = problems(stack=stack)
        assert line.startswith(f"stack name {stack!r}: it is also the name of a namespace; allowed: 'platform', or ")


@pytest.mark.parametrize("stack", ["dev", "strategy", "strategy-", "strategy-cc", "platform-2"])
@pytest.mark.parametrize("strategy", ["c", ""])
def test_a_stack_of_another_name_hears_which_are_allowed(stack: str, strategy: str) -> None:
    """Also one that has no strategy yet: a name is what a user begins with."""
    line, *others = problems(stack=stack, strategy=strategy)
    assert line.startswith(f"stack name {stack!r}: ")
    assert "'platform', or 'strategy-<letter>', or 'strategy-<letter>-<name>'" in line
    assert len(others) == (not strategy)


def test_colours_of_different_numbers_are_for_a_switch_that_knows_shapes() -> None:
    settings = strategy_settings(raw(replicas="4", green={"replicas": 2}), STACK)
    assert (settings.replicas_of("blue"), settings.replicas_of("green")) == (4, 2)
    with pytest.raises(SettingsError, match=r"green\.replicas: 2 contradicts replicas: 3; allowed: 3"):
        strategy_settings(raw(strategy="b", green={"replicas": 2}), "strategy-b")


def test_what_looks_contradictory_but_is_not() -> None:
    scaled_down = strategy_settings(raw(active="green", blue={"replicas": 0}), STACK)
    assert (scaled_down.replicas_of("blue"), scaled_down.replicas_of("green")) == (0, 3)
    spelled_out = strategy_settings(raw(blue={"replicas": 3}, green={"replicas": 3}), STACK)
    assert spelled_out.replicas_of("green") == 3
    slow = {"config": {"max.poll.interval.ms": 600_000}}
    patient = strategy_settings(raw(sessionTimeoutSeconds=600, blue=slow, green=slow), STACK)
    assert patient.own("session_timeout_seconds") == "600"


def test_an_analysis_and_a_producer_of_ones_own() -> None:
    assert strategy_settings(raw(analysis={}, producer={}), STACK) == strategy_settings(raw(), STACK)
    settings = strategy_settings(
        raw(analysis={"seconds": 30, "maxErrorRate": "0.05", "onInconclusive": "accept"}, producer={"partitions": [2]}),
        STACK,
    )
    assert settings.analysis is not None
    assert settings.analysis.model_dump() == {
        "seconds": 30,
        "max_error_rate": 0.05,
        "min_records": 1,
        "min_throughput": 0.0,
        "max_restarts": 0,
        "templates": None,
        "args": None,
        "timeout_seconds": None,
        "on_inconclusive": "accept",
    }
    assert settings.producer.partitions == (2,)


@pytest.mark.parametrize("letter", ["b", "c"])
def test_a_replay_is_for_groups_of_consumers(letter: str) -> None:
    settings = strategy_settings({"strategy": letter, "onRollback": "replay"}, f"strategy-{letter}")
    assert values.switch_spec(settings)["onRollback"] == "replay"


def test_a_replay_of_a_connector_is_refused_by_name() -> None:
    with pytest.raises(SettingsError) as refused:
        strategy_settings({"strategy": "e", "onRollback": "replay"}, "strategy-e")
    assert "kafka-bluegreen:onRollback: belongs to another kind of stack" in str(refused.value)


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        ({"maxErrorRate": 0.1}, "seconds is required without templates: a whole number from 1 to 3600"),
        ({"seconds": 5}, "maxErrorRate is required without templates: a number from 0 to 1"),
        ({"templates": []}, "templates: names none"),
        ({"templates": ["lag"]}, "timeoutSeconds is required with templates: a whole number from 1 to 3600"),
        ({"templates": ["lag"], "timeoutSeconds": 9, "seconds": 5}, "seconds: contradicts templates"),
        ({"templates": ["lag"], "timeoutSeconds": 9, "maxErrorRate": 0}, "maxErrorRate: contradicts templates"),
        ({"templates": ["lag"], "timeoutSeconds": 9, "minRecords": 5}, "minRecords: contradicts templates"),
        ({"seconds": 5, "maxErrorRate": 0, "timeoutSeconds": 9}, "timeoutSeconds: templates is not given"),
        ({"seconds": 5, "maxErrorRate": 0, "args": {}}, "args: templates is not given"),
    ],
)
def test_an_analysis_has_one_form_and_all_of_it(analysis: dict[str, Any], said: str) -> None:
    (line,) = problems(analysis=analysis)
    assert line.startswith("kafka-bluegreen:analysis: ")
    assert f"is refused ({said}" in line


def test_a_key_of_another_kind_of_stack_says_nothing_with_its_default() -> None:
    """Pulumi gives every stack every key's default; a list without spaces, as Go writes it."""
    given = {"strategy": "c", "dashboards": '["strategy-b","strategy-c","strategy-e"]', "kafkaConfig": "{}"}
    assert strategy_settings(given, STACK).strategy == "c"


def test_an_analysis_by_templates() -> None:
    """A number that the command line wrote for an argument is its text."""
    given = {"templates": ["lag", "my.own"], "timeoutSeconds": 30, "args": {"max-lag": 100, "share": 0.5, "x": "y"}}
    analysis = strategy_settings(raw(analysis=given), STACK).analysis
    assert analysis is not None
    assert analysis.templates == ("lag", "my.own")
    assert analysis.args == {"max-lag": "100", "share": "0.5", "x": "y"}
    assert analysis.longest_seconds == 30


def test_argo_needs_an_image_where_it_is_not_the_sandbox() -> None:
    images = {"kafka": "k", "victoriametrics": "v"}
    cluster = {"platform": "cluster", "argo": "true"}
    with pytest.raises(SettingsError, match=r"images\.argoRollouts: is required with argo: true"):
        platform_settings({**cluster, "images": json.dumps(images)})
    assert platform_settings({**cluster, "images": json.dumps({**images, "argoRollouts": "a"})}).argo
    assert platform_settings({"argo": "true"}).argo
    assert not platform_settings({}).argo


def test_all_problems_are_told_at_once() -> None:
    told = problems(active="purple", rate="x", nonsense=1, blue={"config": {"group.id": "x"}, "version": []})
    assert len(told) == 5
    assert {line.split(": ")[0] for line in told} == {
        "kafka-bluegreen:nonsense",
        "kafka-bluegreen:active",
        "kafka-bluegreen:rate",
        "kafka-bluegreen:blue.version",
        "kafka-bluegreen:blue.config.group.id",
    }


def test_what_the_command_line_writes_is_understood() -> None:
    """`pulumi config set --path` makes numbers of whole numbers, and text of the rest."""
    settings = strategy_settings(
        raw(
            attempt="2", blue={"version": 2, "faults": {"failure_rate": "0.25"}, "config": {"fetch.min.bytes": "1000"}}
        ),
        STACK,
    )
    assert (settings.attempt, settings.blue.version) == (2, "2")
    assert isinstance(settings.blue, ConsumerColorSettings)
    assert settings.blue.faults is not None
    assert settings.blue.faults.failure_rate == 0.25


def test_the_platform() -> None:
    assert platform_settings({}).platform == "sandbox"
    images = json.dumps({"kafka": "k:1", "victoriametrics": "v:1"})
    assert platform_settings({"platform": "cluster", "images": images}).images is not None
    for given, line in (
        ({"platform": "kind"}, "kafka-bluegreen:platform: 'kind' is refused; allowed: 'sandbox' or 'cluster'"),
        ({"platform": "cluster"}, "kafka-bluegreen:images: is required with platform 'cluster'; allowed: an object"),
        ({"images": images}, "kafka-bluegreen:images: contradicts platform 'sandbox'"),
        (
            {"platform": "cluster", "images": '{"kafka": "k"}'},
            "kafka-bluegreen:images.victoriametrics: is required; allowed: an image reference",
        ),
        ({"plattform": "cluster"}, "kafka-bluegreen:plattform: unknown key; allowed: platform, images"),
    ):
        with pytest.raises(SettingsError) as refused:
            platform_settings(given)
        assert any(told.startswith(line) for told in refused.value.problems), refused.value


def test_the_names_that_follow_from_a_stack() -> None:
    assert StackName("platform").is_platform
    assert not StackName("strategy-c").is_platform
    assert StackName("strategy-c").consumer_group == "bluegreen-c"
    assert StackName("dev").consumer_group == "bluegreen-dev"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry:5000/team/app:1.7.2", "1.7.2"),
        ("localhost/kafka-bluegreen/consumer-v2:0f3a9c1e5b7d2468", "0f3a9c1e5b7d2468"),
        ("registry/app:1.7@sha256:0123456789abcdef0123", "1.7"),
        ("registry/app@sha256:0123456789abcdef0123", "0123456789ab"),
        ("registry:5000/app", "latest"),
        ("app:_internal_", "internal"),
        ("app:odd~tag", "odd-tag"),
        ("app:" + 100 * "x", 63 * "x"),
    ],
)
def test_an_image_tells_the_version_of_its_colour(image: str, version: str) -> None:
    settings = strategy_settings(raw(green={"image": image}), STACK)
    assert (settings.green.image, settings.green.version) == (image, version)
    assert (settings.blue.image, settings.blue.version) == (None, "1")
    assert strategy_settings(raw(green={"image": image, "version": "9"}), STACK).green.version == "9"


def test_keda_needs_its_images_where_it_is_not_the_sandbox() -> None:
    images = {"kafka": "a", "victoriametrics": "b", "keda": "c"}
    cluster = {"platform": "cluster", "keda": "true"}
    with pytest.raises(SettingsError, match=r"images\.kedaMetricsApiserver: is required with keda: true"):
        platform_settings({**cluster, "images": json.dumps(images)})
    assert platform_settings({**cluster, "images": json.dumps({**images, "kedaMetricsApiserver": "d"})}).keda
    assert not platform_settings({}).keda
