// Shows what /events tells. Everything that comes from outside is set as text, never as markup.
"use strict";
(() => {
  const SILENCE_MS = 6000; // the server says something every two seconds
  const KEPT = 90;
  const byId = (id) => document.getElementById(id);
  const view = { state: null, at: 0, points: [], cursor: null };

  // -- elements -------------------------------------------------------------------------------------------------------

  function el(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  function svg(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // What has not changed is left alone: a reader's place, a selection and a focus stay where they are.
  function fill(target, ...children) {
    const next = el("div", {}, ...children);
    const same = target.childNodes.length === next.childNodes.length
      && [...next.childNodes].every((node, i) => node.isEqualNode(target.childNodes[i]));
    if (!same) target.replaceChildren(...next.childNodes);
  }

  function put(target, text) {
    if (target.textContent !== text) target.textContent = text;
  }

  const chip = (text, kind = "") => el("span", { class: `chip ${kind}` }, text);
  const number = (value, digits = 0) =>
    value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits });
  const ms = (value) => (value < 10000 ? `${number(value, 1)} ms` : `${number(value / 1000, 1)} s`);

  // -- now ------------------------------------------------------------------------------------------------------------

  const GOOD = new Set(["Switched"]);
  const outcomeKind = (outcome) => (GOOD.has(outcome) ? "good" : outcome === "Superseded" ? "" : outcome ? "bad" : "warn");

  function showNow(s) {
    const does = s.phase === "Paused" ? "holds the grant and rests" : s.stage === "switching" && s.phase !== "Verifying"
      ? "is taking over" : s.stage === "rolling back" ? "is taking over again" : "is active";
    const holder = s.active
      ? [chip(s.active, s.active), ` ${does}`]
      : s.lease === "there" ? ["nobody is active", s.lastHolder ? el("small", {}, ` (last: ${s.lastHolder})`) : ""]
      : [`the Lease is ${s.lease}`];
    const turn = s.active && s.wanted !== s.active ? el("small", {}, ` asked for: ${s.wanted}`) : "";
    fill(byId("active"), ...holder, turn);
    for (const item of byId("stages").children) {
      const current = item.dataset.stage === s.stage;
      if (current) item.setAttribute("aria-current", s.stage === "done" ? "true" : "step");
      else item.removeAttribute("aria-current");
    }
    const clock = byId("clock"); // keeps its text until it is told anew, a moment later
    const facts = [
      ["phase", s.phase || "–"], ["for", el("span", { id: "clock" }, clock ? clock.textContent : "")], ["epoch", String(s.epoch)],
      ["ready", s.ready.status === "True" ? "yes" : s.ready.status === "False" ? `no: ${s.ready.reason}` : "not yet"],
      ["outcome", s.settled.status === "True" ? chip(s.settled.reason, outcomeKind(s.settled.reason)) : "not yet"],
      ["generation", `${s.generation}${s.attempt > 1 ? `, attempt ${s.attempt}` : ""}`],
      ["topic", s.topic], ["shape", s.shape],
    ];
    fill(byId("facts"), ...facts.filter(([, value]) => value !== "").map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    put(byId("why"), s.problem || (s.ready.status === "False" ? s.ready.message : ""));
    showClock();
  }

  function showClock() {
    const clock = byId("clock");
    if (!view.state || !view.state.switch || !clock) return;
    const seconds = view.state.switch.phaseSeconds + (performance.now() - view.at) / 1000;
    const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
    put(clock, seconds < 60 ? `${seconds.toFixed(view.state.switch.stage === "done" ? 0 : 1)} s`
      : hours ? `${hours} h ${minutes % 60} min` : `${minutes} min ${Math.floor(seconds % 60)} s`);
  }

  // -- colours --------------------------------------------------------------------------------------------------------

  function podRow(pod) {
    const kind = pod.state === "ACTIVE" ? "good" : pod.state === "Unreachable" || pod.state === "no report" ? "bad" : "";
    const notes = [
      pod.going ? "is ending" : "", pod.ready || pod.going ? "" : "not Ready", pod.obstacle,
      pod.committed ? "" : "not everything committed", pod.restarts ? `${pod.restarts} restarts` : "",
    ].filter(Boolean);
    const owned = pod.partitions.length ? `${pod.partitions.length} partitions` : "none";
    return el("li", {},
      el("span", { class: "mono" }, pod.name),
      el("span", {}, chip(pod.state, kind), ` epoch ${pod.epoch}, `,
        el("span", { title: pod.partitions.join(", ") }, owned)),
      notes.length ? el("span", { class: "note" }, notes.join("; ")) : null);
  }

  function showColors(state) {
    const last = view.points.at(-1);
    fill(byId("colors"), ...state.colors.map((c) => {
      const lag = last && last.lag[c.color], rate = last && last.rate[c.color];
      const facts = [["ready", `${c.ready} of ${c.replicas}`], ["lag", number(lag)], ["records/s", number(rate, 1)], ["group", c.group || "–"]];
      return el("article", { class: `color ${c.color}`, "aria-label": `${c.color}, ${c.role}` },
        el("h3", {}, chip(c.color, c.color), c.role, el("small", {}, `version ${c.version || "unknown"}`)),
        el("code", { class: "image" }, c.image || "image unknown"),
        el("dl", {}, ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
        c.pods.length ? el("ul", { class: "pods" }, ...c.pods.map((pod) => podRow(pod)))
          : el("p", { class: "quiet" }, "no pods"));
    }));
  }

  // -- the hand-off ---------------------------------------------------------------------------------------------------

  const STEP = {
    withdrawn: (s) => `grant withdrawn from ${s.who || "nobody"}, epoch ${s.epoch}`, paused: (s) => `${s.who} is PAUSED`,
    granted: (s) => `${s.who} is granted, epoch ${s.epoch}`, active: (s) => `${s.who} is ACTIVE`, ended: (s) => s.who || "ended",
  };

  function showHandoff(h) {
    put(byId("handoff-what"), h ? `${h.from || "nobody"} to ${h.to || "…"}, generation ${h.generation}${h.running ? ", under way" : `: ${h.outcome}`}` : "");
    byId("handoff-what").className = h && h.running ? "running" : h && outcomeKind(h.outcome) === "bad" ? "wrong" : "";
    if (!h) return fill(byId("handoff"), el("p", { class: "quiet" }, "None has been seen yet."));
    const end = Math.max(1, ...h.steps.map((s) => s.ms));
    const own = (s) => (s.what === "paused" || s.what === "active") && s.who !== "blue" && s.who !== "green";
    const lanes = new Map([["controller", []]]);
    for (const s of h.steps) {
      const lane = own(s) ? s.who : "controller";
      lanes.set(lane, [...(lanes.get(lane) || []), s]);
    }
    const rows = [...lanes].flatMap(([who, steps]) => [
      el("span", { class: "who mono" }, who),
      el("div", { class: "lane" }, ...steps.map((s) => {
        const mark = el("span", { class: `mark ${s.color} ${s.what}`, title: `+${ms(s.ms)} ${STEP[s.what](s)}` });
        mark.style.left = `${(1 + (97 * s.ms) / end).toFixed(2)}%`;
        return mark;
      })),
    ]);
    const list = h.steps.map((s) => el("li", {}, el("b", {}, `+${ms(s.ms)}`), el("span", {}, STEP[s.what](s))));
    fill(byId("handoff"), el("div", { class: "lanes", "aria-hidden": "true" }, ...rows), el("ol", { class: "steps" }, ...list));
  }

  // -- figures --------------------------------------------------------------------------------------------------------

  function chart(title, unit, lines) {
    const values = lines.flatMap(([, , of]) => view.points.map(of)).filter((v) => v !== null && v !== undefined);
    const top = Math.max(1, ...values);
    const x = (i) => (300 * (KEPT - view.points.length + i)) / (KEPT - 1), y = (v) => 98 - (94 * v) / top;
    const paths = lines.map(([, kind, of]) => {
      let d = "", pen = false;
      view.points.forEach((point, i) => {
        const v = of(point);
        if (v === null || v === undefined) { pen = false; return; }
        d += `${pen ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
        pen = true;
      });
      return svg("path", { class: `line ${kind}`, d });
    });
    const last = view.points.at(-1);
    const words = lines.map(([name, kind, of]) => el("span", { class: `key ${kind}` }, `${name} ${number(last ? of(last) : null, 1)}`));
    const text = `${title}: ${words.map((w) => w.textContent).join(", ")} ${unit}; the highest shown ${number(top, 1)}`;
    return el("figure", {},
      el("figcaption", {}, `${title}, ${unit} (to ${number(top, 1)}): `, ...words.flatMap((w, i) => (i ? [", ", w] : [w]))),
      svg("svg", { viewBox: "0 0 300 100", preserveAspectRatio: "none", role: "img", "aria-label": text },
        svg("line", { class: "axis", x1: 0, x2: 300, y1: 98, y2: 98 }), ...paths));
  }

  function showFlow(state) {
    put(byId("flow-what"), state.figuresProblem || (view.points.length ? `the last ${KEPT} s` : "no figures yet"));
    const of = (name, color) => (point) => point[name][color];
    fill(byId("flow"),
      chart("Handled", "records/s", [["blue", "blue", of("rate", "blue")], ["green", "green", of("rate", "green")], ["produced", "produced", (p) => p.produced]]),
      chart("Lag", "records", [["blue", "blue", of("lag", "blue")], ["green", "green", of("lag", "green")]]));
  }

  // Lag of a partition: its owner's group's, where the colours have groups of their own.
  function heatColumn(point) {
    const holder = view.state && view.state.switch ? view.state.switch.active || view.state.switch.lastHolder : "";
    return point.partitions[holder] || Object.values(point.partitions)[0] || [];
  }

  function heatSize() {
    const known = view.state ? view.state.partitions.length : 0;
    return Math.max(1, known, ...view.points.map((p) => heatColumn(p).length));
  }

  const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));

  function showHeat() {
    const canvas = byId("heat-map"), rows = heatSize();
    const css = getComputedStyle(document.documentElement);
    const [cold, hot] = ["--heat-0", "--heat-1"].map((name) => rgb(css.getPropertyValue(name).trim()));
    const columns = view.points.map(heatColumn);
    const top = Math.max(1, ...columns.flatMap((c) => c.filter((v) => v !== null)));
    const tall = Math.max(1, Math.floor(336 / rows));
    if (canvas.width !== KEPT * 8 || canvas.height !== rows * tall) [canvas.width, canvas.height] = [KEPT * 8, rows * tall];
    canvas.style.height = `${Math.min(30, Math.max(9, rows * 1.1))}rem`;
    const draw = canvas.getContext("2d");
    draw.clearRect(0, 0, canvas.width, canvas.height);
    columns.forEach((column, i) => {
      const x = (KEPT - columns.length + i) * 8;
      column.forEach((lag, partition) => {
        if (lag === null) return;
        const share = Math.log1p(lag) / Math.log1p(top);
        draw.fillStyle = `rgb(${cold.map((c, k) => Math.round(c + (hot[k] - c) * share)).join(",")})`;
        draw.fillRect(x, partition * tall, 8, Math.max(1, tall - (tall > 3 ? 1 : 0)));
      });
    });
    put(byId("heat-what"), `${rows} partitions from the top, ${KEPT} s to the right, strongest ${number(top)} records`);
    if (view.cursor) {
      draw.strokeStyle = css.getPropertyValue("--ink");
      draw.lineWidth = 2;
      draw.strokeRect((KEPT - 1 - view.cursor.back) * 8, view.cursor.partition * tall, 8, tall);
    }
    readHeat(columns, rows);
  }

  function readHeat(columns, rows) {
    const at = view.cursor || { partition: null, back: 0 };
    const column = columns.at(-1 - at.back) || [];
    if (at.partition === null) {
      const worst = column.reduce((best, lag, n) => (lag !== null && lag > (column[best] ?? -1) ? n : best), 0);
      return put(byId("heat-read"), column.length ? `largest now: partition ${worst}, ${number(column[worst])} records` : "nothing known of any partition");
    }
    const owner = view.state && view.state.partitions[at.partition];
    const who = at.back === 0 && owner ? `, ${owner.owner || "owned by nobody"}` : "";
    put(byId("heat-read"), `partition ${at.partition} of ${rows}, ${at.back ? `${at.back} s ago` : "now"}: ${number(column[at.partition])} records${who}`);
  }

  function moveCursor(event) {
    const rows = heatSize(), most = Math.max(0, view.points.length - 1);
    const at = view.cursor || { partition: 0, back: 0 };
    const moves = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, 1], ArrowRight: [0, -1], PageUp: [-10, 0], PageDown: [10, 0],
      Home: [0, most], End: [0, -most], Escape: null,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const move = moves[event.key];
    const within = (value, end) => Math.min(end, Math.max(0, value));
    view.cursor = move && (view.cursor ? { partition: within(at.partition + move[0], rows - 1), back: within(at.back + move[1], most) } : at);
    showHeat();
  }

  function pointCursor(event) {
    const box = byId("heat-map").getBoundingClientRect(), rows = heatSize();
    const back = KEPT - 1 - Math.floor((KEPT * (event.clientX - box.left)) / box.width);
    if (back < 0 || back >= view.points.length) return;
    view.cursor = { partition: Math.min(rows - 1, Math.max(0, Math.floor((rows * (event.clientY - box.top)) / box.height))), back };
    showHeat();
  }

  // -- alerts, history ------------------------------------------------------------------------------------------------

  function showAlerts(a) {
    if (a.problem) return fill(byId("alerts"), el("p", {}, `Alerts are not known: ${a.problem}`));
    if (!a.configured) return fill(byId("alerts"), el("p", { class: "quiet" }, "No source of alerts is configured."));
    if (!a.alerts.length) return fill(byId("alerts"), el("p", {}, "None fires."));
    fill(byId("alerts"), el("ul", { class: "pods" }, ...a.alerts.map((alert) => el("li", {},
      el("span", {}, chip(alert.state, alert.state === "firing" ? "bad" : "warn"), ` ${alert.name} `, el("small", {}, alert.severity)),
      el("small", {}, `since ${alert.since.slice(0, 19).replace("T", " ")}`), alert.summary ? el("span", { class: "note" }, alert.summary) : null))));
  }

  const HEAD = ["started (UTC)", "direction", "versions", "outcome", "hand-off", "asked by", "reason"];

  function showHistory(entries) {
    if (!entries.length) return fill(byId("history"), el("p", { class: "quiet" }, "No switch has ended since this object was made."));
    const rows = entries.map((e) => {
      const cells = [
        [e.startedAt.slice(0, 19).replace("T", " ") || "–"], [`${e.from || "nobody"} to ${e.to || "nobody"}`],
        [`${e.fromVersion || "?"} → ${e.toVersion || "?"}`], [chip(e.outcome, outcomeKind(e.outcome))],
        [e.handoffSeconds === null ? "–" : ms(e.handoffSeconds * 1000), "num"], [e.askedBy || "–"], [e.reason, "text"],
      ];
      return el("tr", {}, ...cells.map(([value, kind = ""], i) => el("td", { class: `${kind}${value === "" ? " empty" : ""}`, "data-label": HEAD[i] }, value)));
    });
    fill(byId("history"), el("table", {}, el("thead", {}, el("tr", {}, ...HEAD.map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, ...rows)));
  }

  // -- what is told ---------------------------------------------------------------------------------------------------

  function show(state) {
    view.state = state;
    view.at = performance.now();
    put(byId("namespace"), state.namespace);
    document.title = state.switch ? `${state.switch.active || "nobody"} - ${state.namespace}` : state.namespace;
    const there = state.switch !== null;
    byId("board").hidden = !there;
    byId("empty").hidden = there;
    put(byId("strategy"), there ? `strategy ${state.switch.strategy}` : "");
    if (!there) {
      fill(byId("empty"), state.read
        ? el("p", {}, "There is no switch in this namespace: none was deployed, or it is gone. To deploy it: ", el("code", {}, `pulumi up -s ${state.namespace}`))
        : el("p", {}, "Reading the cluster …"));
    } else {
      showNow(state.switch);
      showColors(state);
      showHandoff(state.handoff);
      showAlerts(state.alerts);
      showHistory(state.history);
      put(byId("flow-what"), state.figuresProblem || (view.points.length ? `the last ${KEPT} s` : "no figures yet"));
    }
    connection();
  }

  function figures(points) {
    view.points = [...view.points, ...points].slice(-KEPT);
    if (!view.state || !view.state.switch) return;
    showFlow(view.state);
    showHeat();
    showColors(view.state);
  }

  // -- the connection -------------------------------------------------------------------------------------------------

  let source = null, heard = 0, again = 0;

  function connection() {
    const quiet = !source || source.readyState !== EventSource.OPEN || performance.now() - heard > SILENCE_MS;
    const away = view.state ? view.state.lostSeconds : null;
    const [kind, text] = quiet ? [view.state ? "lost" : "connecting", view.state ? "connection lost, trying again" : "connecting"]
      : away !== null ? ["lost", "the API server does not answer"] : ["live", "live"];
    byId("connection").dataset.state = kind;
    put(byId("connection"), text);
    document.body.classList.toggle("stale", kind === "lost");
    const notice = kind !== "lost" ? "" : quiet
      ? "What is shown is what was last heard. This page asks again by itself."
      : "The API server does not answer whoever serves this page; what is shown was last read from it.";
    put(byId("notice"), notice);
    byId("notice").hidden = !notice;
  }

  function listen() {
    if (source) source.close();
    source = new EventSource("events");
    heard = performance.now();
    const fresh = source;
    let first = true;
    source.addEventListener("state", (event) => { heard = performance.now(); show(JSON.parse(event.data)); });
    source.addEventListener("figures", (event) => {
      if (first) view.points = []; // what is kept is told from its beginning
      first = false;
      figures(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      if (fresh !== source) return;
      first = true;
      if (source.readyState === EventSource.CLOSED) again = performance.now() + 2000; // refused, as with a 503
      connection();
    });
  }

  setInterval(() => {
    const now = performance.now();
    if ((again && now > again) || (source.readyState === EventSource.OPEN && now - heard > SILENCE_MS)) {
      again = 0;
      listen();
    }
    connection();
  }, 1000);
  setInterval(showClock, 100);
  byId("heat-map").addEventListener("keydown", moveCursor);
  byId("heat-map").addEventListener("pointermove", pointCursor);
  byId("heat-map").addEventListener("pointerleave", () => { view.cursor = null; if (view.state && view.state.switch) showHeat(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view.state && view.state.switch && showHeat());
  window.addEventListener("online", listen);
  listen();
})();
