// Runs before the page's own script: lets it show a switch up to one of its moments, and no further. A hand-off is over
// before a browser has drawn it; what is photographed stands still. Which moment it is says `bluegreenMoment`, which the
// camera sets (`Moment` in camera.py). What the page showed then, and when it heard of it, is the attribute `data-shown`
// of the document.
(() => {
  "use strict";
  const Own = window.EventSource, moment = window.bluegreenMoment;
  let first = null, home = null, held = false;
  const wanted = (state) => {
    const s = state.switch;
    if (!s) return false;
    if (first === null && s.stage === "done") [first, home] = [s.epoch, s.active];
    if (first === null) return false;
    if (moment === "waiting" && s.phase.startsWith("WaitingFor")) return true;
    if (s.epoch <= first) return false;
    const h = state.handoff, over = s.stage === "done";
    const granted = over || (h !== null && h.steps.some((step) => step.what === "granted"));
    if (moment === "back") return granted && s.active === home;
    // A way back can be over before the page has shown it: what it has come to is shown then.
    if (moment === "taken back") return s.stage === "rolling back" || (over && s.active === home);
    return granted;
  };
  window.EventSource = class extends Own {
    addEventListener(name, listener, ...rest) {
      super.addEventListener(name, (event) => {
        if (held) return;
        listener(event);
        if (name !== "state") return;
        const state = JSON.parse(event.data);
        if (!wanted(state)) return;
        const s = state.switch;
        held = true;
        document.documentElement.dataset.shown = JSON.stringify({
          at: Date.now(), epoch: s.epoch, generation: s.generation, stage: s.stage, phase: s.phase, active: s.active,
          outcome: s.settled.status === "True" ? s.settled.reason : "",
        });
      }, ...rest);
    }
  };
})();
