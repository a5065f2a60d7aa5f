"""What workloads share: states, grant, reports, settings, logs, records, HTTP, metrics, the Kubernetes client, and what
every Kafka client is told.
"""
