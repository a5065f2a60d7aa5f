#!/bin/sh
# Shows consumer groups, and resets their offsets: kafka-consumer-groups.sh --bootstrap-server HOST:PORT --describe --group GROUP
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@"
