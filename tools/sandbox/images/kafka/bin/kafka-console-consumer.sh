#!/bin/sh
# Prints records: kafka-console-consumer.sh --bootstrap-server HOST:PORT --topic TOPIC
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.consumer.ConsoleConsumer "$@"
