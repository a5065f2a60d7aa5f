#!/bin/sh
# Starts a Connect worker: connect-distributed.sh CONNECT.PROPERTIES
# Reads the variables that kafka-run-class.sh reads, with the same defaults.
set -eu
if [ $# -lt 1 ]; then
    echo "usage: $0 connect-distributed.properties" >&2
    exit 1
fi
home=$(dirname "$(dirname "$(readlink -f "$0")")")
# Sorted by the shell, the broker's first: the class archive holds for exactly this class path.
class_path=
for jar in "$home"/libs/*.jar "$home"/connect-libs/*.jar; do
    class_path="${class_path:+$class_path:}$jar"
done
if [ -z "${KAFKA_LOG4J_OPTS-}" ]; then
    KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=$home/config/log4j2.xml"
fi
archive=
if [ -f "$home/connect.jsa" ]; then
    archive="-XX:SharedArchiveFile=$home/connect.jsa"
fi
# Unquoted where a variable may hold several options.
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS--XX:+UseSerialGC -XX:TieredStopAtLevel=1} $archive \
    $KAFKA_LOG4J_OPTS ${KAFKA_JMX_OPTS-} ${KAFKA_OPTS-} -cp "$class_path" \
    org.apache.kafka.connect.cli.ConnectDistributed "$@"
