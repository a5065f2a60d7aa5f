#!/bin/sh
# Formats and inspects storage: kafka-storage.sh format --cluster-id ID --config SERVER.PROPERTIES [--ignore-formatted]
set -eu
exec "$(dirname "$0")/kafka-run-class.sh" kafka.tools.StorageTool "$@"
