#!/bin/sh
# Shows transactions, and ends hanging ones: kafka-transactions.sh --bootstrap-server HOST:PORT list
exec "$(dirname "$0")/kafka-tool.sh" org.apache.kafka.tools.TransactionsCommand "$@"
