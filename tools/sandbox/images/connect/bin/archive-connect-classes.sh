#!/bin/sh
# Run once, while the image is built: starts a broker and a worker on loopback, stops both when the worker is up, and keeps
# what classes the worker loaded as /opt/kafka/connect.jsa. Without an archive a worker only starts more slowly, yet a build
# that cannot start one is broken.
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
kill -TERM $worker
wait $worker || true
worker=
if [ ! -s "$home/connect.jsa" ]; then
    echo "no archive was written:" >&2
    told "$work/worker.log" >&2
    exit 1
fi
chmod 0644 "$home/connect.jsa"
