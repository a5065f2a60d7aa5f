"""What the client refuses is refused at preview, by the key's name, in librdkafka's words and with what to do."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.settings import (
    PROTOCOL_OWNED,
    ConsumerColorSettings,
    ConsumerGroupSettings,
    SettingsError,
    client,
    strategy_settings,
)
from workloads.consumer.settings import HEARTBEAT_MS, OWNED, ConsumerSettings

ASSIGNORS = "partition.assignment.strategy"
OF_A_POD = {"bootstrap.servers", "client.id", "group.id", "group.instance.id", "transactional.id"}


def read(letter: str = "c", **values: Any) -> ConsumerGroupSettings:
    raw = {"strategy": letter, **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}}
    settings = strategy_settings(raw, f"strategy-{letter}")
    assert isinstance(settings, ConsumerGroupSettings)
    return settings


def problems(letter: str = "c", **values: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        read(letter, **values)
    return refused.value.problems


@pytest.mark.parametrize(
    ("config", "more", "said"),
    [
        ({ASSIGNORS: "range,cooperative-sticky"}, {}, ["must have the same protocol type"]),
        ({ASSIGNORS: "org.apache.kafka.clients.consumer.RangeAssignor"}, {}, ["Unsupported"]),
        ({"fetch.max.wait.ms": 1}, {}, ["No such configuration property", "a Java client's", "is fetch.wait.max.ms"]),
        ({"receive.buffer.bytes": 1}, {}, ["a Java client's", "is socket.receive.buffer.bytes"]),
        ({"sasl.jaas.config": "x"}, {}, ["Java JAAS configuration is not supported"]),
        ({"default.api.timeout.ms": 1}, {}, ["No such configuration property", "librdkafka has no such setting"]),
        ({"fetch.min.bytes": 0}, {}, ["outside allowed range 1..100000000"]),
        ({"fetch.min.bytes": 99999999999999999999}, {}, ["fetch.min.bytes"]),
        ({"fetch.min.bytes": "many"}, {}, ["Invalid value"]),
        ({"check.crcs": "perhaps"}, {}, ["Expected bool value"]),
        # With what every consumer has besides.
        ({"reconnect.backoff.ms": 5000}, {}, ["`reconnect.backoff.max.ms` must be >= `reconnect.backoff.ms`"]),
        ({"throttle_cb": "x"}, {}, ["callable"]),
        (
            {ASSIGNORS: "range"},
            {"groupProtocol": "consumer"},
            ["not supported for `group.protocol=consumer`", "or set kafka-bluegreen:groupProtocol to classic"],
        ),
    ],
)
@pytest.mark.parametrize("letter", ["b", "c"])
def test_what_the_client_refuses_is_refused_by_name(
    letter: str, config: dict[str, Any], more: dict[str, Any], said: list[str]
) -> None:
    (line,) = problems(letter, blue={"config": config}, **more)
    (name,) = config
    assert line.startswith(f"kafka-bluegreen:blue.config.{name}: {config[name]!r} is refused by the client: ")
    for words in (*said, "allowed: "):
        assert words in line


@pytest.mark.parametrize("name", ["heartbeat.interval.ms", "session.timeout.ms", "group.protocol.type"])
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_contradicts_the_protocol_is_the_protocols(name: str, protocol: str) -> None:
    """librdkafka takes a heartbeat of 90 s with a session of 60, and the broker throws such a member out."""
    (line,) = problems(groupProtocol=protocol, blue={"config": {name: 90_000}})
    assert line.startswith(f"kafka-bluegreen:blue.config.{name}: ")
    assert f"it belongs to the switching protocol: {PROTOCOL_OWNED[name]}" in line


def test_several_are_told_at_once_each_by_its_name() -> None:
    told = problems(blue={"config": {"nonsense": 1, "fetch.min.bytes": 0}}, green={"config": {"other": 1}})
    assert [line.split(": ")[0] for line in told] == [
        "kafka-bluegreen:blue.config.nonsense",
        "kafka-bluegreen:blue.config.fetch.min.bytes",
        "kafka-bluegreen:green.config.other",
    ]


def test_a_problem_whose_words_name_no_setting_is_found_by_leaving_one_out() -> None:
    (line,) = problems(blue={"config": {"fetch.min.bytes": 2, "security.protocol": "SASL_PLAINTEXT"}})
    assert line.startswith("kafka-bluegreen:blue.config.security.protocol: 'SASL_PLAINTEXT' is refused by the client: ")
    assert "GSSAPI" in line


def test_a_setting_that_the_words_name_as_the_way_out_is_not_taken_for_the_problem() -> None:
    (line,) = problems(blue={"config": {"ssl.ca.location": "/ca.pem", "ssl.truststore.location": "/ca.jks"}})
    assert line.startswith("kafka-bluegreen:blue.config.ssl.truststore.location: ")
    assert "use `ssl.ca.location`" in line


def test_a_problem_of_two_settings_is_told_once() -> None:
    (line,) = problems(blue={"config": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}})
    assert "sasl.username and sasl.password must be set" in line


def test_the_producer_that_commits_in_transactions_is_tried_too() -> None:
    slow = {"config": {"socket.timeout.ms": 30_000}}
    (line,) = problems("b", green=slow)
    assert line.startswith("kafka-bluegreen:green.config.socket.timeout.ms: 30000 is refused by the client: ")
    assert "`transaction.timeout.ms`" in line
    assert read("b", green=slow, fencing="none").green.client == {"socket.timeout.ms": 30_000}
    assert read(green=slow).green.client == {"socket.timeout.ms": 30_000}


@pytest.mark.parametrize(
    ("letter", "blue", "green", "refused"),
    [
        ("c", None, "cooperative-sticky", "green"),
        ("c", "cooperative-sticky", None, "blue"),
        ("c", "range", "roundrobin", "green"),
        ("c", "roundrobin", None, ""),
        ("c", "range", "range,roundrobin", ""),
        ("c", "cooperative-sticky", "cooperative-sticky", ""),
        ("b", None, "cooperative-sticky", ""),
    ],
)
def test_colours_that_cannot_be_in_one_group(letter: str, blue: str | None, green: str | None, refused: str) -> None:
    given = {"blue": blue, "green": green}
    values = {color: {"config": {ASSIGNORS: names}} for color, names in given.items() if names}
    if not refused:
        read(letter, **values)
        return
    (line,) = problems(letter, **values)
    assert line.startswith(f"kafka-bluegreen:{refused}.config.{ASSIGNORS}: {given[refused]!r} contradicts ")
    assert "members of one group" in line
    assert "allowed: " in line


def test_what_is_a_users_own_stays_allowed() -> None:
    own = {"client.id": "mine", "fetch.wait.max.ms": 50, "max.partition.fetch.bytes": 1000, "isolation.level": "x"}
    own["isolation.level"] = "read_uncommitted"
    assert read(blue={"config": own}).blue.client == own


def test_names_may_be_written_as_the_command_line_nests_them() -> None:
    """`pulumi config set --path blue.config.fetch.min.bytes 5` makes an object for each dot."""
    assert read(blue={"config": {"fetch": {"min": {"bytes": 5}}, "client.id": "a"}}).blue.client == {
        "fetch.min.bytes": 5,
        "client.id": "a",
    }
    (line,) = problems(blue={"config": {"fetch": {"min.bytes": 5}, "fetch.min.bytes": 6}})
    assert "fetch.min.bytes is there twice" in line


# -- how it is tried -------------------------------------------------------------------------------------


def tasks() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_a_trial_leaves_nothing_behind_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    before = tasks()
    read("b", blue={"config": {"debug": "all", "acks": "1"}})
    problems("b", blue={"config": {"debug": "all", "nonsense": 1}})
    assert tasks() == before
    assert capfd.readouterr() == ("", "")


def test_what_only_a_pod_has_is_not_looked_for_here() -> None:
    """Its files are there, and its token's issuer is nobody that the deploying machine calls."""
    pods = {
        "security.protocol": "ssl",
        "ssl.ca.location": "/var/run/ca.pem",
        "ssl.certificate.location": "/var/run/tls.crt",
        "ssl.key.location": "/var/run/tls.key",
        "plugin.library.paths": "nothing-of-this-name",
    }
    assert read(blue={"config": pods}).blue.client == pods
    tried: list[Mapping[str, object]] = []

    def settings(own: client.Settings) -> client.Settings:
        tried.append(own)
        return {}

    config = {**pods, "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/"}
    assert list(client.refusals([client.Trial("producer", settings)], config)) == []
    assert tried == [{"sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/"}]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("letter", ["b", "c"])
@pytest.mark.parametrize("session", [1, 60, 300])
def test_what_we_set_ourselves_the_client_takes(letter: str, protocol: str, session: int) -> None:
    settings = read(letter, groupProtocol=protocol, sessionTimeoutSeconds=session)
    assert list(client.refusals(settings.trials(), {})) == []


@pytest.mark.parametrize("own", [{}, {"fetch.min.bytes": 2, "security.protocol": "ssl", "retry.backoff.ms": 7}])
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_it_is_tried_with_what_the_pods_have(own: dict[str, Any], protocol: str) -> None:
    pods = ConsumerSettings.model_validate(
        {
            "bootstrap_servers": "k",
            "topic": "t",
            "group_id": "g",
            "other_group_id": "h",
            "color": "blue",
            "pod_name": "consumer-blue-0",
            "membership": "separate",
            "fencing": "transactions",
            "transactional_id": "s",
            "transactional_ids": 3,
            "group_protocol": protocol,
            "client": own,
        }
    )
    consumer, producer = read("b", groupProtocol=protocol, blue={"config": own}).trials()
    assert without(consumer.settings(own), OF_A_POD) == without(pods.client_configuration(), OF_A_POD)
    assert without(producer.settings(own), OF_A_POD) == without(pods.producer_configuration(0), OF_A_POD)


def without(configuration: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    return {name: value for name, value in configuration.items() if name not in set(names)}


def test_what_the_consumers_own_is_refused_in_the_configuration() -> None:
    assert set(PROTOCOL_OWNED) >= OWNED
    assert client.HEARTBEAT_MS == HEARTBEAT_MS
    assert ConsumerColorSettings().client == {}


def test_a_secret_is_taken_out_of_what_is_said_and_nothing_else() -> None:
    said = 'Invalid value "1" of (abc.d): outside allowed range 1..100, see http://a.b/1x'
    assert client.hidden(said, ["1", "", "abc.d"]) == (
        'Invalid value "[secret]" of ([secret]): outside allowed range 1..100, see http://a.b/1x'
    )
