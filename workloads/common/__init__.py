"""What two workloads share: states, settings, logs, HTTP, record logs, metrics. It knows neither Kafka clients nor Kubernetes."""
