"""Small programs that a run executes inside a pod of the system under test, where the broker can be reached.

Never imported, only sent.
"""
