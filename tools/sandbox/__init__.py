"""A real single-node Kubernetes on this machine, for whoever has no cluster.

Upstream's own components run in Linux namespaces of their own under a small PID 1. The host sees one loopback port,
the API server's; the cluster has no way out of the machine. ``python -m tools.sandbox --help`` says how to use it.
"""
