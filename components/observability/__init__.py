"""What is seen of a running system: the metrics store, the log store, and the names of the metrics that rules, panels
and queries use.
"""
