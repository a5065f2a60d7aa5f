#!/bin/sh
# Runs a command line tool of Kafka's beside a broker: kafka-tool.sh CLASS [ARGUMENT…]
# Reads the variables that kafka-run-class.sh reads; a small heap and warnings only, where they are not set.
set -eu
home=$(dirname "$(dirname "$(readlink -f "$0")")")
export KAFKA_HEAP_OPTS="${KAFKA_HEAP_OPTS--Xmx128m}"
export KAFKA_LOG4J_OPTS="${KAFKA_LOG4J_OPTS--Dlog4j2.configurationFile=$home/config/tools-log4j2.xml}"
exec "$home/bin/kafka-run-class.sh" "$@"
