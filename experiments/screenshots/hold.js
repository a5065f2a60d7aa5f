// Runs before the page's own script: lets it show a switch up to the moment when the grant has a holder again, and no
// further. A hand-off is over before a browser has drawn it; what is photographed is one of its moments, which stands
// still. What the page showed then, and when it heard of it, is the attribute `data-shown` of the document.
(() => {
  "use strict";
  const Own = window.EventSource;
  let first = null, held = false;
  const wanted = (state) => {
    const s = state.switch;
    if (!s) return false;
    if (first === null && s.stage === "done") first = s.epoch;
    if (first === null || s.epoch <= first) return false;
    const h = state.handoff;
    return s.stage === "done" || (h !== null && h.steps.some((step) => step.what === "granted"));
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
