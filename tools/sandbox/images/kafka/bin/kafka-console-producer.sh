#!/bin/sh
# Sends lines as records: kafka-console-producer.sh --bootstrap-server HOST:PORT --topic TOPIC
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.ConsoleProducer "$@"
