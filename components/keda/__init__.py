"""KEDA, as far as it is used here: it gives one number of pods to a switch, by its lag (decision 0037).

| module | what is in it |
| --- | --- |
| `crds` | the definitions of its kinds, as the platform installs them, and how they were made |
| `operator` | its operator and its metrics API server, on the platform |
| `scaler` | the ScaledObject of a strategy's stack |
"""
