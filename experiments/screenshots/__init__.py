"""Pictures of the switch page, taken while a run goes on: what somebody would have seen who looked.

| thread | made by | owns |
| --- | --- | --- |
| camera | `camera.Camera` | the browser, from its start to its end |

A browser is not of this project: where there is none (`make browser` installs one), a run takes no pictures.
"""
