#!/bin/sh
# Starts a broker: kafka-server-start.sh SERVER.PROPERTIES [--override PROPERTY=VALUE]…
set -eu
if [ $# -lt 1 ]; then
    echo "usage: $0 server.properties [--override property=value]..." >&2
    exit 1
fi
exec "$(dirname "$0")/kafka-run-class.sh" kafka.Kafka "$@"
