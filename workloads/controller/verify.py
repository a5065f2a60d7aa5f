"""Whether the colour that was granted has become what it is to be, and stays so while it is analysed. Pure functions.

It has to be ACTIVE on all partitions within the resume timeout. Where an analysis is asked for it is on probation until
that has ended: then its pods have to be Ready, too, and a process of its that ends speaks against it. What the members
say of themselves is not enough there: one that fails every few seconds is ACTIVE in between, and one that its probes
take for unfit can be ACTIVE all the time. What a member says has failed for good ends it at once.
"""

from collections.abc import Iterable
from dataclasses import replace

from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome, Phase
from workloads.controller.members import failed, inside, not_active, told
from workloads.controller.terms import Analysis, Decision, Member, Observation, OnInconclusive, Spec
from workloads.controller.writes import go_back

RESUME_TIMEOUT = "ResumeTimeout"


def on_probation(spec: Spec, grant: Grant) -> bool:
    """Whether the grant is one to a colour that an analysis decides on, and has not yet."""
    return spec.analysis and grant.origin is not None and grant.holder is not None and grant.outcome is None


def lacking(spec: Spec, grant: Grant, members: Iterable[Member]) -> str:
    """What is missing for the holder of the grant to be ACTIVE on all partitions, and Ready while it is on probation;
    empty when nothing is, or when nobody holds it.
    """
    if grant.holder is None:
        return ""
    members, granted = tuple(members), spec.granted(grant.holder, grant.shape)
    missing = not_active(granted, members, grant.holder, grant.epoch)
    if missing or not on_probation(spec, grant):
        return missing
    unready = [m.pod for m in inside(granted, members, grant.holder) if not m.ready]
    return f"not Ready: {', '.join(told(members, unready))}" if unready else ""


def verified(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """The colour granted has to become ACTIVE on all partitions, and to pass its analysis if there is one."""
    spec = seen.spec
    analysed = on_probation(spec, grant)
    unwell = (seen.restarted or failed(seen.members, holder, grant.epoch)) if analysed else ""
    reason = _against(seen, unwell) if analysed else ""
    accepted = seen.analysis is Analysis.INCONCLUSIVE and spec.on_inconclusive is OnInconclusive.ACCEPT
    if reason and (unwell or not accepted):
        return go_back(seen, grant, holder, reason)
    pending = analysed and seen.analysis is Analysis.PENDING
    missing = lacking(spec, grant, seen.members)
    if missing:
        return _not_whole(seen, grant, holder, missing, analysed=pending and seen.since_whole is not None)
    if pending:
        return Decision(Phase.VERIFYING, None, "Verifying", seen.analysis_detail, need_analysis=True, deadline=1.0)
    return Decision(Phase.READY, replace(grant, outcome=Outcome.SWITCHED, reason=reason), "Switched", reason)


def _against(seen: Observation, unwell: str) -> str:
    """What speaks against the colour that was switched to; empty when nothing (yet)."""
    if unwell:
        return f"AnalysisFailed: {unwell}"
    if seen.analysis is Analysis.FAILED:
        return f"AnalysisFailed: {seen.analysis_detail}"
    return f"AnalysisInconclusive: {seen.analysis_detail}" if seen.analysis is Analysis.INCONCLUSIVE else ""


def _not_whole(seen: Observation, grant: Grant, holder: Color, missing: str, *, analysed: bool) -> Decision:
    """The colour granted is not ACTIVE on all partitions: not yet, or not now.

    Its time counts from when it last was, so that a pod which restarts in a long analysis has as long as any other to
    come back. An analysis that has begun goes on meanwhile: a colour that comes and goes does not put off its end.
    """
    timeout = seen.spec.resume_timeout
    waited = seen.elapsed if seen.since_whole is None else seen.since_whole
    due = seen.elapsed - waited + timeout
    if waited < timeout or not seen.listed:
        late = waited >= timeout
        return Decision(
            Phase.VERIFYING if analysed else Phase.RESUMING,
            reason="Verifying" if analysed else "Resuming",
            message=missing,
            need_list=late,
            need_analysis=analysed,
            deadline=due + 1 if late else due,
        )
    reason = f"{RESUME_TIMEOUT}: after {timeout:g} s {missing}"
    if grant.origin is None:  # nothing was moved, so there is nothing to go back to
        return Decision(Phase.FAILED, replace(grant, outcome=Outcome.FAILED, reason=reason), "Failed", reason)
    return go_back(seen, grant, holder, reason)
