"""The sidecar: it watches the Lease, and moves what it stands beside (its *subject*) as the Lease says.

`step` decides, purely, from a view; the rest looks and acts:

| module | what is in it |
| --- | --- |
| `step` | what to do next: the protocol's part, run by the protocol model too |
| `timing`, `outbox` | when: pure rules of what is held back, what is repeated, which report is next |
| `subject` | what a sidecar can move: `Subject` |
| `consumer`, `connect` | such subjects: an application with the lifecycle API, a connector |
| `store` | the view, and which of two things learnt is the newer |
| `mover` | takes in what was learnt and carries out what the step says |
| `callers` | makes the calls |
| `lease`, `status` | look at the Lease, and at the subject |
| `reporter`, `announcer` | tell: the record on the pod, and whoever holds a request open |
| `sidecar`, `metrics`, `settings`, `__main__` | put it together |

Who runs in which thread:

| thread | owned by | it does | it calls |
| --- | --- | --- | --- |
| `watch-leases` | `lease.LeaseFollower` | reads and watches the Lease, for ever | `Mover.lease_seen` |
| `consumer-status` | `status.StatusWatch` | asks the subject four times a second | `Mover.subject_seen` |
| `caller`, two and more | `callers.Caller` | one call at a time: pause, resume, Lease read | the mover, at its end |
| `reporter` | `reporter.Reporter` | patches the pod's condition, one report at a time | `Mover.reported` |
| of the HTTP server | `common.http` | probes, scrapes, `GET /report` held open | `Announcer.answer`, reads |

The view, the schedule and the callers belong to the mover's lock, which those four take; nothing is waited for under
it. Announcer and reporter have locks of their own, taken inside of it and never around it.
"""
