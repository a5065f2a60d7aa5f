"""Conformance: any application is driven through the contract (`workloads/member/contract.md`), and attacked.

| module | what it has |
| --- | --- |
| `points` | what a point is, and the register of all |
| `start`, `commands`, `offsets`, `separate`, `losses`, `ends`, `records`, `probes` | the points |
| `bench` | what a point works with: an application, a topic, the broker, and a way to it that can be cut |
| `application`, `process`, `pod` | the application: what can be done to one, and the two places where it can run |
| `kafka` | the broker as the kit asks it |
| `relay` | that way |
| `hands` | in the application's pod: that way, signals, calls and files |
| `table` | what was seen, for people and as JSON |
| `suite` | runs the points, one after the other, each with an application of its own |
| `forward` | from this machine to the cluster's broker |
| `command` | the command line |

| thread | made by | owns |
| --- | --- | --- |
| flow | `kafka.Kafka` | a producer of its own, until the flow is stopped |
| relay | `relay.Relay` | the socket; two more for each connection, one a direction |

The kit knows an application by the contract alone: calls, files, and what the broker says of its group.
"""
