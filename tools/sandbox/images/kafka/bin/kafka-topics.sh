#!/bin/sh
# Makes, shows, changes and deletes topics: kafka-topics.sh --bootstrap-server HOST:PORT --list
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.TopicCommand "$@"
