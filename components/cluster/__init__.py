"""The cluster as a workstation reaches it: which one is meant (`access`, read from a `kubeconfig`), and the one client
that the program's own check and the experiments use (`client`).

Nothing in here says a credential: no message holds what was read, and no exception carries another one that does.
"""
