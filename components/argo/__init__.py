"""Argo Rollouts, as far as it is used here: it judges a colour by AnalysisRuns, and moves nothing (decision 0028).

| module | what is in it |
| --- | --- |
| `crds` | the definitions of its kinds, as the platform installs them, and how they were made |
| `rollouts` | its controller, on the platform |
| `templates` | the AnalysisTemplates of a strategy's stack |
"""
