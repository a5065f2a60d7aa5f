#!/bin/sh
# Shows and changes settings of topics, brokers, groups: kafka-configs.sh --bootstrap-server HOST:PORT --describe --entity-type topics
exec "$(dirname "$0")/kafka-tool.sh" kafka.admin.ConfigCommand "$@"
