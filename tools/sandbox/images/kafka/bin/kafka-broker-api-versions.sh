#!/bin/sh
# Shows what the brokers speak: kafka-broker-api-versions.sh --bootstrap-server HOST:PORT
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
