
// Zoom, search and details for differential flamegraphs. The same script serves an SVG with one
// view and a page with several: views show the same frames, told by their numbers (data-n), at
// one scale. Frames stand in the order of a depth-first walk, so that what a frame calls are the
// numbers behind its own, up to the next frame that is no deeper.
"use strict";
(() => {
  const ROW = 16, PADDING = 6, WIDTH = 1200, MARGIN = 10, SEARCH = 320;
  const SVG = "http://www.w3.org/2000/svg", HTML = "http://www.w3.org/1999/xhtml";
  const HINT = "Point at a frame for its costs, click or press Enter to zoom, / or Ctrl-F to search.";
  const at = (id) => document.getElementById(id);
  const root = document.documentElement;
  const isAlone = root.localName === "svg";

  // --- What was drawn: each view's frames in their order, and by their number -----------------

  const read = (svg) => {
    const frames = [], byId = new Map(), open = [];
    for (const g of svg.querySelectorAll("g[data-n]")) {
      const [title, rect, text] = g.children;
      const value = (name) => parseFloat(rect.getAttribute(name));
      const [told, full = ""] = title.textContent.split("\n\n");
      const [name, ...costs] = told.split("\n");
      const frame = {
        g, rect, text, name, full, costs: costs.join("  ·  "),
        id: +g.dataset.n, a: +g.dataset.a, b: +g.dataset.b,
        x: value("x"), w: value("width"), depth: value("y") / ROW,
        // From this number on, frames are not below this one any more.
        end: Infinity,
      };
      while (open.length && open.at(-1).depth >= frame.depth) open.pop().end = frame.id;
      frame.parent = open.at(-1);
      open.push(frame);
      frames.push(frame);
      byId.set(frame.id, frame);
    }
    return { svg, frames, byId };
  };
  const views = [...document.querySelectorAll("svg[data-view]")].map(read);
  // The view that has all frames, and the costs of both sides.
  const main = views.find((view) => view.svg.dataset.view === "difference");
  if (!main || !main.frames.length) return;
  const all = main.frames[0];

  // --- State: in the address, so that it can be sent and gone back to -------------------------

  const state = { zoom: all.id, query: "" };
  const trail = [];

  const recall = () => {
    const parameters = new URLSearchParams(location.hash.slice(1));
    const id = +parameters.get("zoom"), query = parameters.get("search") ?? "";
    const zoom = main.byId.has(id) ? id : all.id;
    const isNews = zoom !== state.zoom || query !== state.query;
    Object.assign(state, { zoom, query });
    return isNews;
  };

  // A zoom is a step that the browser's own way back undoes; typing in a search is none.
  const keep = (isStep) => {
    const parameters = new URLSearchParams();
    if (state.zoom !== all.id) parameters.set("zoom", state.zoom);
    if (state.query) parameters.set("search", state.query);
    const hash = "#" + parameters;
    if (hash === (location.hash || "#")) return;
    try {
      if (isStep) location.hash = hash; else location.replace(hash);
    } catch { /* Where an address cannot be changed, it is not kept. */ }
  };

  const zoom = (id, isBack) => {
    if (id === state.zoom) return;
    if (!isBack) trail.push(state.zoom);
    state.zoom = id;
    keep(true);
    draw();
  };
  const back = () => zoom(trail.pop() ?? main.byId.get(state.zoom).parent?.id ?? all.id, true);

  // --- Drawing --------------------------------------------------------------------------------

  // What a character of the frames' font takes, and how many columns it has: see `words::fit`.
  const column = (() => {
    const probe = main.svg.appendChild(document.createElementNS(SVG, "text"));
    probe.textContent = "m".repeat(100);
    const width = probe.getComputedTextLength() / 100;
    probe.remove();
    return width || 7.25;
  })();
  const columns = (c) => (c < "\u1100" || (c >= "\u2000" && c < "\u2600") ? 1 : 2);
  const fit = (name, room) => {
    if (room < 3) return "";
    let used = 0, kept = "";
    for (const c of name) {
      used += columns(c);
      if (used > room) return kept + "…";
      if (used < room) kept += c;
    }
    return name;
  };
  const place = (frame, x, w, pixels) => {
    frame.g.style.display = "";
    frame.rect.setAttribute("x", x + "%");
    frame.rect.setAttribute("width", w + "%");
    frame.text.setAttribute("x", x + "%");
    frame.text.textContent = fit(frame.name, Math.floor(((w / 100) * pixels - PADDING) / column));
  };

  // A zoomed frame begins at the left of every view, and all are at the scale at which the
  // widest of them fills its view. Its callers stay above it, across the whole width.
  const draw = () => {
    const target = main.byId.get(state.zoom);
    const callers = new Set();
    for (let up = target.parent; up; up = up.parent) callers.add(up.id);
    const full = Math.max(...views.map((view) => view.byId.get(target.id)?.w ?? 0));
    for (const { svg, frames, byId } of views) {
      const pixels = svg.width.baseVal.value;
      const left = byId.get(target.id)?.x;
      for (const frame of frames) {
        const isAbove = callers.has(frame.id);
        frame.g.classList.toggle("above", isAbove);
        if (isAbove) place(frame, 0, 100, pixels);
        else if (frame.id < target.id || frame.id >= target.end) frame.g.style.display = "none";
        else place(frame, ((frame.x - left) / full) * 100, (frame.w / full) * 100, pixels);
      }
    }
    for (const id of ["reset", "back"]) at(id).classList.toggle("fd-off", target === all);
    mark();
  };

  // --- Search ---------------------------------------------------------------------------------

  // Numbers as the rest of the picture has them.
  const micros = (us) => {
    const size = Math.abs(us);
    if (size >= 999.95) return Math.round(size).toString().replace(/\B(?=(\d{3})+$)/g, ",");
    return size.toFixed(size < 0.1 ? 3 : size < 99.995 ? 2 : 1);
  };
  const signed = (us) => (/[1-9]/.test(micros(us)) ? (us < 0 ? "-" : "+") : "") + micros(us);
  const share = (part, whole) => (whole ? ((part / whole) * 100).toFixed(1) : "0.0") + " %";

  // Marks what the search finds, and says what it costs together: a frame below another one that
  // was found is in that one's costs already. A capital letter asks for itself alone; `^` and `$`
  // are the ends of a name, be it the one in the picture or the full one.
  const mark = () => {
    let wanted = null, trouble = "";
    try {
      if (state.query) wanted = new RegExp(state.query, /[A-Z]/.test(state.query) ? "m" : "im");
    } catch {
      trouble = "not a regular expression";
    }
    const found = new Set();
    let a = 0, b = 0, end = -1;
    for (const frame of wanted ? main.frames : []) {
      if (!wanted.test(frame.name + "\n" + frame.full)) continue;
      found.add(frame.id);
      if (frame.id < end) continue;
      end = frame.end;
      a += frame.a;
      b += frame.b;
    }
    for (const { svg, frames } of views) {
      svg.classList.toggle("fd-searching", !!wanted);
      for (const { g, id } of frames) g.classList.toggle("hit", found.has(id));
    }
    const [ofA, ofB] = [share(a, all.a), share(b, all.b)];
    const sum = `found: A ${micros(a)} µs/request (${ofA}), B ${micros(b)} (${ofB}), change ${signed(b - a)}`;
    at("matched").textContent = !wanted ? trouble : found.size ? sum : "nothing found";
  };

  // A page has an input of its own; an SVG has none to offer, but can hold one of HTML.
  const input = at("query") ?? document.createElementNS(HTML, "input");
  const holder = isAlone ? document.createElementNS(SVG, "foreignObject") : null;
  if (holder) {
    const size = { y: 6, width: SEARCH, height: 26 };
    for (const [name, value] of Object.entries(size)) holder.setAttribute(name, value);
    Object.assign(input, { id: "query", placeholder: "a regular expression on names" });
    holder.append(input);
  }
  const search = (query) => {
    state.query = query;
    keep(false);
    mark();
  };
  const hold = (isOpen) => {
    if (!holder || holder.isConnected === isOpen) return;
    if (isOpen) root.append(holder); else holder.remove();
    at("search").classList.toggle("fd-off", isOpen);
  };
  const openSearch = () => {
    hold(true);
    input.focus();
    input.select();
  };
  const closeSearch = () => {
    search(input.value = "");
    input.blur();
    hold(false);
  };
  input.addEventListener("input", () => search(input.value));

  // --- Details, and frames by mouse and keyboard ----------------------------------------------

  let hot = null;
  const show = (id) => {
    for (const { byId } of views) {
      byId.get(hot)?.g.classList.remove("hot");
      byId.get(id)?.g.classList.add("hot");
    }
    hot = id;
    const { name = "", full = "", costs = HINT } = main.byId.get(id) ?? {};
    at("details").textContent = full ? `${name}  =  ${full.replaceAll("\n", ", ")}` : name;
    at("costs").textContent = costs;
  };

  // One frame of each view can be reached with the tab key; arrows lead on from there.
  const focus = (view, frame) => {
    if (!frame) return;
    for (const { g } of view.frames) g.removeAttribute("tabindex");
    frame.g.setAttribute("tabindex", 0);
    frame.g.focus();
    show(frame.id);
  };
  const neighbour = (view, frame, key) => {
    const seen = view.frames.filter(({ g }) => g.style.display !== "none");
    const below = seen.filter(({ parent }) => parent === frame).sort((a, b) => b.w - a.w);
    const beside = seen.filter(({ depth }) => depth === frame.depth);
    const to = (step) => beside[beside.indexOf(frame) + step];
    return { ArrowUp: frame.parent, ArrowDown: below[0], ArrowLeft: to(-1), ArrowRight: to(1) }[key];
  };

  for (const view of views) {
    const frameOf = ({ target }) => view.byId.get(+target.closest("g[data-n]")?.dataset.n);
    view.frames[0]?.g.setAttribute("tabindex", 0);
    const look = (event) => show(frameOf(event)?.id);
    view.svg.addEventListener("mouseover", look);
    view.svg.addEventListener("focusin", look);
    view.svg.addEventListener("mouseleave", () => show());
    view.svg.addEventListener("click", (event) => {
      const frame = frameOf(event);
      if (!frame) return;
      zoom(frame.id);
      focus(view, frame);
    });
    view.svg.addEventListener("keydown", (event) => {
      const frame = frameOf(event);
      if (!frame || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Enter" || event.key === " ") zoom(frame.id);
      else if (event.key.startsWith("Arrow")) focus(view, neighbour(view, frame, event.key));
      else return;
      event.preventDefault();
    });
  }

  const buttons = { reset: () => zoom(all.id), back, search: openSearch };
  for (const [id, act] of Object.entries(buttons)) {
    at(id)?.addEventListener("click", act);
    if (isAlone) at(id).addEventListener("keydown", ({ key }) => key === "Enter" && act());
  }
  at("search")?.classList.remove("fd-off");
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target === input;
    if ((event.ctrlKey || event.metaKey) && event.key === "f") openSearch();
    else if (event.key === "/" && !isTyping) openSearch();
    else if (event.key === "Escape" && (isTyping || state.query)) closeSearch();
    else if (event.key === "Escape") zoom(all.id);
    else if (event.key === "Backspace" && !isTyping) back();
    else return;
    event.preventDefault();
  });

  // --- The window -----------------------------------------------------------------------------

  const resize = () => {
    if (isAlone) {
      root.removeAttribute("viewBox");
      root.setAttribute("width", "100%");
      // Below the width that it was drawn with, what stands above the frames would not fit.
      const width = Math.max(root.width.baseVal.value, WIDTH);
      root.setAttribute("width", width > WIDTH ? "100%" : WIDTH);
      main.svg.setAttribute("width", width - 2 * MARGIN);
      holder.setAttribute("x", width - MARGIN - SEARCH);
    }
    draw();
  };
  // The details of an SVG that is taller than its window stay in sight.
  if (isAlone) addEventListener("scroll", () => {
    const y = Math.max(scrollY - at("about").dataset.y, 0);
    at("about").setAttribute("transform", `translate(0 ${y})`);
  });
  const start = () => {
    input.value = state.query;
    hold(!!state.query);
    resize();
  };
  addEventListener("resize", resize);
  addEventListener("hashchange", () => recall() && start());
  recall(), start(), show();
})();
