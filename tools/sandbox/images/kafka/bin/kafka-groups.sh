#!/bin/sh
# Shows groups of all kinds: kafka-groups.sh --bootstrap-server HOST:PORT --list
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.GroupsCommand "$@"
