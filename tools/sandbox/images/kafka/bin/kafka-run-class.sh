#!/bin/sh
# Runs a class of Kafka's: kafka-run-class.sh CLASS [ARGUMENT…]
# Reads the variables that upstream's script reads: KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS, KAFKA_LOG4J_OPTS,
# KAFKA_JMX_OPTS, KAFKA_OPTS.
set -eu
home=$(dirname "$(dirname "$(readlink -f "$0")")")
# Sorted by the shell: the class archive holds for exactly this class path.
class_path=
for jar in "$home"/libs/*.jar; do
    class_path="${class_path:+$class_path:}$jar"
done
if [ -z "${KAFKA_LOG4J_OPTS-}" ]; then
    KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=$home/config/log4j2.xml"
fi
archive=
if [ -f "$home/kafka.jsa" ]; then
    archive="-XX:SharedArchiveFile=$home/kafka.jsa"
fi
# Unquoted where a variable may hold several options.
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS--XX:+UseSerialGC -XX:TieredStopAtLevel=1} $archive \
    $KAFKA_LOG4J_OPTS ${KAFKA_JMX_OPTS-} ${KAFKA_OPTS-} -cp "$class_path" "$@"
