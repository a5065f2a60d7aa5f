#!/bin/sh
# Shows the offsets of topics: kafka-get-offsets.sh --bootstrap-server HOST:PORT --topic TOPIC
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.GetOffsetShell "$@"
