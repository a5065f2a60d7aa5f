"""The switch page: one pair of colours, and the hand-off between them as it happens, for whoever looks. It only reads.

`model` and `handoff` are pure: objects of the API server in, what is shown out. `figures` reads what a metrics store
answers. The `board` keeps the newest of all, `watches` and `scraper` feed it, and the `site` tells it: the page's three
files, and its state by server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). `settings`
is what it is told, `benchmark` what it costs.

| thread | runs | owns |
| --- | --- | --- |
| watch-kafkaconsumerswitches, -leases, -pods | `Follower`s of `watches` | their place; they feed the board |
| listen-<address>, one per member | `common.listening` | its connection; it feeds the board |
| figures | `scraper.Scraper` | one connection to the metrics store; it asks only while somebody looks |
| viewer, log | `benchmark` alone | a page's stream, or a log, that is read and forgotten |
| one per HTTP request | `site` | nothing: it reads the board, and waits for it |

In the cluster it is a pod with rights of its own. On one's own machine `python -m experiments watch` starts it against
`kubectl proxy`, and draws the same state in a terminal.
"""
