#!/bin/sh
# Run once, while the image is built: starts a broker and a worker on loopback, has a connector of the worker started,
# stopped and its offsets altered, stops both, and keeps what classes the worker loaded as /opt/kafka/connect.jsa. Without
# an archive a worker, and the first start of a connector on it, are only slower, yet a build that cannot start one is broken.
set -eu
home=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d)
broker=
worker=
finish() {
    status=$?
    for process in $worker $broker; do
        kill -KILL "$process" 2>/dev/null || true
    done
    rm -rf "$work"
    exit $status
}
trap finish EXIT

# told LOG: the end of a log, without what the JVM says of each class that it leaves out of an archive.
told() {
    grep -v -F '[warning][cds]' "$1" | tail -n 50
}

# await PROCESS LOG LINE: until the line is in its log. Ends the build when the process has ended, or after two minutes.
await() {
    waited=0
    until grep -q "$3" "$2"; do
        if ! kill -0 "$1" 2>/dev/null || [ $waited -ge 120 ]; then
            echo "'$3' is not in the log of what was started:" >&2
            told "$2" >&2
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

# ask METHOD PATH BODY: of the worker's REST API, again while it does not answer with success (it may be rebalancing). Ends
# the build after half a minute.
ask() {
    asked=0
    while true; do
        # shellcheck disable=SC2016
        answer=$(bash -c '
            exec 3<>/dev/tcp/127.0.0.1/8083
            printf "%s %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" "$1" "$2" "${#3}" "$3" >&3
            cat <&3' ask "$1" "$2" "$3")
        case $answer in HTTP/1.?\ 2*) return ;; esac
        if [ $asked -ge 30 ]; then
            echo "$1 $2 is answered with: $answer" >&2
            exit 1
        fi
        sleep 1
        asked=$((asked + 1))
    done
}

sed -e "s|^log.dirs=.*|log.dirs=$work/data|" -e 's|localhost|127.0.0.1|' "$home/config/server.properties" > "$work/server.properties"
echo 'offsets.topic.num.partitions=1' >> "$work/server.properties"
# One partition of each: the worker waits for all of them. Listening by address: where images are built, the host's name
# may have none.
cat "$home/config/connect-distributed.properties" - > "$work/connect.properties" <<PROPERTIES
offset.storage.partitions=1
status.storage.partitions=1
listeners=http://127.0.0.1:8083
rest.advertised.host.name=127.0.0.1
PROPERTIES
"$home/bin/kafka-storage.sh" format --cluster-id 5L6g3nShT-eMCtK--X86sw --config "$work/server.properties" > "$work/format.log"
"$home/bin/kafka-server-start.sh" "$work/server.properties" > "$work/broker.log" 2>&1 &
broker=$!
await $broker "$work/broker.log" 'Kafka Server started'
KAFKA_OPTS="-XX:ArchiveClassesAtExit=$home/connect.jsa" \
    "$home/bin/connect-distributed.sh" "$work/connect.properties" > "$work/worker.log" 2>&1 &
worker=$!
await $worker "$work/worker.log" 'Finished starting connectors and tasks'
text=org.apache.kafka.connect.storage.StringConverter
ask POST /connectors '{"name": "sink", "config": {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": "sink",
    "file": "'"$work"'/sink", "key.converter": "'$text'", "value.converter": "'$text'", "transforms": "value,at",
    "transforms.value.type": "org.apache.kafka.connect.transforms.HoistField$Value", "transforms.value.field": "v",
    "transforms.at.type": "org.apache.kafka.connect.transforms.InsertField$Value", "transforms.at.offset.field": "o"}}'
await $worker "$work/worker.log" 'Adding newly assigned partitions'
ask PUT /connectors/sink/stop ''
await $worker "$work/worker.log" 'App info kafka.consumer for connector-consumer-sink-0 unregistered'
ask PATCH /connectors/sink/offsets '{"offsets": [
    {"partition": {"kafka_topic": "sink", "kafka_partition": 0}, "offset": {"kafka_offset": 0}}]}'
kill -TERM $worker
wait $worker || true
worker=
if [ ! -s "$home/connect.jsa" ]; then
    echo "no archive was written:" >&2
    told "$work/worker.log" >&2
    exit 1
fi
chmod 0644 "$home/connect.jsa"
