#!/bin/sh
# Run once, while the image is built: starts a broker on loopback, stops it when it is up, and keeps what classes it loaded
# as /opt/kafka/kafka.jsa. Without an archive the broker only starts more slowly, yet a build that cannot start one is broken.
set -eu
home=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:29193
listeners=PLAINTEXT://127.0.0.1:29192,CONTROLLER://127.0.0.1:29193
advertised.listeners=PLAINTEXT://127.0.0.1:29192
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$work/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
PROPERTIES
"$home/bin/kafka-storage.sh" format --cluster-id 5L6g3nShT-eMCtK--X86sw --config "$work/server.properties" > "$work/format.log"
KAFKA_OPTS="-XX:ArchiveClassesAtExit=$home/kafka.jsa" \
    "$home/bin/kafka-server-start.sh" "$work/server.properties" > "$work/broker.log" 2>&1 &
broker=$!
waited=0
until grep -q 'Kafka Server started' "$work/broker.log"; do
    if ! kill -0 $broker 2>/dev/null || [ $waited -ge 120 ]; then
        echo "the broker did not start:" >&2
        tail -n 50 "$work/broker.log" >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
done
kill -TERM $broker
wait $broker || true
if [ ! -s "$home/kafka.jsa" ]; then
    tail -n 50 "$work/broker.log" >&2
    exit 1
fi
chmod 0644 "$home/kafka.jsa"
