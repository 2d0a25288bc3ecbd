// The element that Streamlit mounts. It lives as long as its place in the page; new data only change its buffers.

import { SPEEDS, bindControls, showControls } from "./controls.js";
import { saveAs, saveScript } from "./export.js";
import { bindPointer } from "./gestures.js";
import { Judge } from "./judge.js";
import { fillLegend } from "./legend.js";
import { LONGEST_TRAILS } from "./overlay.js";
import { domainLegend, hasMode, isShown, legendOf, pointRadius, styleFrame, writeStyles } from "./palette.js";
import { Pane } from "./pane.js";
import { nearestEpoch } from "./payload.js";
import { combine, decodeSelection, encodeSelection, nearest, pointsInside } from "./selection.js";
import { Source } from "./source.js";
import { StylePool } from "./stylepool.js";
import { readTheme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { Tooltip } from "./tooltip.js";
import { fullView, isFull, panBy, toMap, zoomAt } from "./view.js";

const STACK_BELOW = 600; // pixels of width under which two panes stand one below the other
const REACH = 14; // pixels from which a point is picked
const REPORT_AFTER_MS = 400; // of rest, before Python hears of a new epoch

const FOLLOWING = -1; // instead of an epoch: the newest one, whichever that is

const elements = new WeakMap(); // parent element -> Embedding
const mounts = new Map(); // key -> how often it was mounted on this page

export default function render({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  let element = elements.get(parentElement);
  if (!element) {
    element = new Embedding(parentElement.querySelector(".embedding"));
    elements.set(parentElement, element);
  }
  element.report = setStateValue;
  element.update(JSON.parse(data));
  return () => {
    elements.delete(parentElement);
    element.dispose();
  };
}

class Embedding {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.legend = root.querySelector(".legend");
    this.panes = [...root.querySelectorAll(".pane")].map((figure) => new Pane(figure, () => this.request()));
    this.tooltip = new Tooltip(root.querySelector(".tip"), () => this.request());
    this.source = new Source((data) => this.receive(data), (words) => this.complain(words));
    this.judge = new Judge(() => this.refresh());
    this.data = null;
    this.timeline = null;
    this.view = fullView();
    this.mode = "class";
    this.tool = "pan";
    this.show = { contours: true, arrows: false };
    this.filters = {};
    this.selected = []; // rising indices
    this.hovered = null; // {index, pane}
    this.pinned = null;
    this.path = null; // {pane, corners} of a lasso in hand
    this.stamp = 0; // rises when the look of the points or of the overlay changes
    this.draws = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.listening = new AbortController();
    this.bind();
    root.dataset.hover = "-1";
  }

  // --- new data ---------------------------------------------------------------------------------------------------

  update(mount) {
    const before = this.mount;
    this.mount = mount;
    const theme = readTheme(this.root, this.theme);
    // Most reruns of a page change nothing here: then nothing is drawn.
    const same = theme === this.theme && before && JSON.stringify({ ...before, version: mount.version }) === JSON.stringify(mount);
    this.theme = theme;
    if (!before) {
      mounts.set(mount.key, (mounts.get(mount.key) ?? 0) + 1);
      this.root.dataset.key = mount.key;
      this.root.dataset.mounts = String(mounts.get(mount.key));
    }
    this.root.classList.toggle("pair", mount.mode === "pair");
    this.root.classList.toggle("single", mount.mode !== "pair");
    for (const { points } of this.panes) points.setAttribute("aria-label", mount.alt);
    this.source.set(mount.address, mount.version);
    // While the data are on their way: the place is kept free, and everything is as large as it will be.
    for (const pane of mount.mode === "pair" ? this.panes : [this.panes[0]]) pane.start();
    this.root.dataset.renderer = this.panes[0].renderer.name;
    if (!before) this.root.classList.add("waiting");
    this.root.hidden = false;
    this.resize();
    if (!same) this.refresh();
  }

  receive(data) {
    const { mount } = this;
    const old = this.data;
    const now = performance.now();
    this.data = data;
    this.holds = this.source.address;
    this.complain("");
    const [run, kind] = data.identity.split("-");
    const [oldRun, oldKind] = old?.identity.split("-") ?? [];
    // The same samples in another projection or at more epochs: what the user has chosen stays.
    if (run !== oldRun || old.n !== data.n) this.begin(data, mount);
    else if (old.identity === data.identity) this.timeline.extend(data.frames, now, this.pace, mount.follow);
    else this.timeline.recast(data.epochs.indexOf(old.epochs[this.timeline.frame]), data.frames);
    if (kind !== oldKind) this.view = fullView();
    this.looks = new StylePool(data.n);
    this.stamp += 1;
    this.root.dataset.points = String(data.n);
    this.root.dataset.frames = String(data.frames);
    this.root.dataset.identity = data.identity;
    this.root.dataset.bytes = String(this.source.size);
    this.resize();
    this.draw(now); // at once, and first: while the points are drawn, the rest is written
    this.describe();
    this.request();
    this.tooltip.setSamples(data);
    performance.mark("embedding-drawn");
  }

  /** Data of another run: everything begins anew, with the epoch and the selection that the page's link carries. */
  begin(data, mount) {
    const asked = mount.epoch === null ? -1 : nearestEpoch(data, mount.epoch);
    this.timeline = new Timeline(data.frames, asked < 0 ? Math.max(data.frames - 1, 0) : asked, mount.follow && asked < 0);
    this.timeline.touched = asked >= 0;
    if (!hasMode(data, this.mode)) this.mode = "class";
    this.reported = { epoch: data.epochs[asked], selection: mount.selection };
    this.selected = decodeSelection(mount.selection, data.n);
    this.view = fullView();
    this.filters = {};
    this.hovered = null;
    this.pinned = null;
  }

  complain(words) {
    const trouble = this.root.querySelector(".trouble");
    trouble.textContent = words;
    trouble.hidden = !words;
    this.root.classList.remove("waiting");
    this.root.classList.toggle("empty", Boolean(words) && !this.data);
  }

  // --- what the user does -----------------------------------------------------------------------------------------

  bind() {
    const { signal } = this.listening;
    bindPointer(this.stage, {
      locate: (event, pane) => this.locate(event, pane),
      tool: () => this.tool,
      zoom: (place, factor) => this.look(zoomAt(this.view, place.box, place.x, place.y, factor)),
      pan: (place, dx, dy) => {
        this.root.classList.add("dragging");
        this.look(panBy(this.view, place.box, dx, dy));
      },
      path: (path) => { this.path = path; this.request(); },
      choose: (place, corners, how) => this.lasso(place, corners, how),
      rest: () => this.root.classList.remove("dragging"),
      hover: (place) => this.hover(place),
      leave: () => this.hover(null),
      click: (place, how) => this.click(place, how),
      reset: () => this.reset(),
      hint: (text) => this.hint(text),
    }, signal);
    bindControls(this.root, this, signal);
    this.watcher = new ResizeObserver(() => { if (this.resize()) this.draw(performance.now()); });
    this.watcher.observe(this.stage);
    // A run's pulse: the new epoch is fetched before the page has been drawn again.
    addEventListener("shiftscope-pulse", ({ detail }) => { if (this.mount && detail.run === this.mount.run) this.source.refresh(); }, { signal });
    // A click on a curve.
    addEventListener("shiftscope-go", ({ detail }) => this.goTo(detail.epoch), { signal });
  }

  get pace() {
    return this.still.matches ? 0 : 400;
  }

  choose(frame, duration = 400) {
    this.timeline.choose(frame, performance.now(), Math.min(this.pace, duration));
    this.refresh();
  }

  /** To the epoch nearest to a number. */
  goTo(epoch) {
    if (!this.data || this.data.frames < 2) return;
    this.choose(nearestEpoch(this.data, epoch));
  }

  playOrPause() {
    if (this.timeline.playing) this.timeline.pause();
    else this.timeline.play(performance.now(), this.pace);
    this.refresh();
  }

  nextSpeed() {
    this.timeline.speed = SPEEDS[(SPEEDS.indexOf(this.timeline.speed) + 1) % SPEEDS.length];
    this.hint(this.timeline.speed === 1 ? "Normal speed" : "Slow motion");
    this.refresh();
  }

  colourBy(mode) {
    if (!hasMode(this.data, mode)) return;
    this.mode = mode;
    this.refresh();
  }

  take(tool) {
    this.tool = tool;
    if (tool !== "pan") this.hint(tool === "lasso" ? "Draw around points" : "Drag a box around points");
    this.refresh();
  }

  toggle(name) {
    this.show[name] = !this.show[name];
    this.refresh();
  }

  isolate({ kind, group }) {
    if (this.filters[kind] === group) delete this.filters[kind];
    else this.filters[kind] = group;
    this.refresh();
  }

  zoomBy(factor) {
    const { box } = this.panes[0];
    this.look(zoomAt(this.view, box, box.width / 2, box.height / 2, factor));
  }

  reset() {
    this.look(fullView());
  }

  look(view) {
    this.view = view;
    this.request();
  }

  hover(place) {
    const index = place ? this.pick(place) : -1;
    if (index === (this.hovered?.index ?? -1) && place?.pane === this.hovered?.pane) return;
    this.hovered = index < 0 ? null : { index, pane: place.pane };
    this.root.dataset.hover = String(index);
    this.stamp += 1;
    this.request();
  }

  /** Pins and selects the point under the hand; beside all points it only lets go of the pinned one. */
  click(place, how) {
    const index = this.pick(place);
    const again = index === this.pinned?.index;
    this.pinned = index < 0 || again ? null : { index, pane: place.pane };
    if (index >= 0) this.selectPoints(combine(this.selected, [index], again && how === "replace" ? "remove" : how));
    this.refresh();
  }

  lasso(place, corners, how) {
    const polygon = corners.map(([x, y]) => toMap(this.view, place.box, x, y));
    const { blend } = this.shots()[place.pane];
    const inside = pointsInside(this.data, blend, polygon, this.shownAt(blend));
    this.selectPoints(combine(this.selected, inside, how));
    if (inside.length === 0) this.hint("No point in there");
  }

  selectPoints(indices) {
    this.selected = indices;
    const text = encodeSelection(indices, this.data.n);
    if (text !== this.reported.selection) {
      this.reported.selection = text;
      this.report("selection", text);
    }
    this.refresh();
  }

  clear() {
    this.pinned = null;
    this.selectPoints([]);
  }

  pick(place) {
    const { blend } = this.shots()[place.pane];
    return nearest(this.data, place.box, this.view, blend, place.x, place.y, REACH, this.shownAt(blend));
  }

  shownAt(blend) {
    return (index) => isShown(this.data, index, Math.round(blend.from + blend.mix), this.filters);
  }

  /** The pane under an event and the place in it, in CSS pixels; `pane` forces one, as a drag may leave it. */
  locate(event, pane) {
    const index = pane ?? this.panes.findIndex(({ plot }) => plot.contains(event.target));
    if (index < 0 || !this.data) return null;
    const { plot, box } = this.panes[index];
    const bounds = plot.getBoundingClientRect();
    return { pane: index, box, x: event.clientX - bounds.left - plot.clientLeft, y: event.clientY - bounds.top - plot.clientTop };
  }

  hint(text) {
    const hint = this.root.querySelector(".hint");
    hint.textContent = text;
    hint.classList.add("on");
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => hint.classList.remove("on"), 1100);
  }

  save(kind) {
    const { data, mount, timeline } = this;
    if (kind !== "script") saveAs(kind, data, this.shots(), this.scene());
    else saveScript(mount.address, data, timeline.frame).catch((problem) => this.complain(problem.message));
  }

  // --- what is seen -----------------------------------------------------------------------------------------------

  /** Each visible pane with the two frames it is between, and how far. */
  shots() {
    const blend = this.timeline.blend();
    const [first, second] = this.panes;
    return this.mount.mode === "pair" ? [{ pane: first, blend: { from: 0, to: 0, mix: 0 } }, { pane: second, blend }] : [{ pane: first, blend }];
  }

  /** Gives the panes their size; true if that changed one. */
  resize() {
    if (!this.mount) return false;
    const width = this.stage.clientWidth;
    if (width === 0) return false; // in a closed tab or expander
    const pair = this.mount.mode === "pair";
    this.root.classList.toggle("stacked", pair && width < STACK_BELOW);
    const each = pair && width >= STACK_BELOW ? width / 2 : width;
    const height = Math.round(Math.min(this.mount.height, Math.max(each * 0.95, 200)));
    this.dpr = Math.min(window.devicePixelRatio || 1, 3);
    return this.panes.map((pane) => pane.fit(height, this.dpr)).some(Boolean);
  }

  /** Brings the HTML in line with the state, then draws. */
  refresh() {
    if (!this.data || !this.mount || this.disposed) return;
    this.stamp += 1;
    this.resize();
    this.describe();
    this.request();
  }

  /** Legend, controls, titles and captions. */
  describe() {
    const { data, root } = this;
    // A kept legend entry must not lose the focus, so the legend is only rebuilt when it reads differently.
    const parts = [this.filters, this.theme, legendOf(data, this.mode, this.theme), domainLegend(data, this.mode, this.theme), data.moved];
    const reads = JSON.stringify([this.mode, ...parts]);
    if (reads !== this.legendReads) {
      const focused = root.getRootNode().activeElement?.closest?.(".legend button");
      fillLegend(this.legend, data, this.mode, this.filters, this.theme, (entry) => this.isolate(entry));
      if (focused) this.legend.querySelector(`[data-kind="${focused.dataset.kind}"][data-group="${focused.dataset.group}"]`)?.focus();
      this.legendReads = reads;
    }
    root.dataset.pinned = String(this.pinned?.index ?? -1);
    root.dataset.selected = String(this.selected.length);
    this.showEpoch();
  }

  showEpoch() {
    const { data, timeline, mount } = this;
    const { frame } = timeline;
    const epoch = data.epochs[frame];
    showControls(this.root, this);
    this.shownFrame = frame;
    this.wasPlaying = timeline.playing;
    this.root.dataset.epoch = String(epoch ?? "");
    const shown = this.mount.mode === "pair" ? [0, frame] : [frame];
    shown.forEach((at, i) => this.panes[i].tell(data.titles[at], data.captions[at], this.judge.known.get(data.epochs[at])));
    if (mount.export && this.holds === mount.address) this.judge.want(mount.address, data.identity, shown.map((at) => data.epochs[at]), mount.follow && timeline.following);
    if (data.frames > 1) dispatchEvent(new CustomEvent("shiftscope-epoch", { detail: { epoch } }));
    clearTimeout(this.reporting);
    // Following a run is no choice of the user's: Python knows that epoch already.
    const chosen = mount.follow && timeline.following ? FOLLOWING : epoch;
    if (timeline.touched && !timeline.playing && chosen !== undefined && chosen !== this.reported.epoch) {
      this.reporting = setTimeout(() => {
        this.reported.epoch = chosen;
        this.report("epoch", chosen);
      }, REPORT_AFTER_MS);
    }
  }

  request() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      this.draw(now);
    });
  }

  /** What both panes draw; see pane.js. */
  scene() {
    const { data, view, theme, mode, filters, stamp } = this;
    const chosen = this.selected.length ? new Uint8Array(data.n) : null;
    for (const index of this.selected) chosen[index] = 1;
    const marks = [[this.pinned?.index, true], [this.hovered?.index, false]].filter(([index]) => index !== undefined && index < data.n);
    return {
      data, view, theme, stamp,
      dpr: this.dpr,
      radius: pointRadius(data.n, view.zoom),
      show: this.show,
      trails: this.selected.length <= LONGEST_TRAILS ? this.selected : [],
      marked: marks.map(([index, strong]) => ({ index, strong })),
      onlyClass: filters.class ?? filters.predicted,
      looks: (frame) => {
        const like = styleFrame(mode, filters, frame);
        const look = JSON.stringify([mode, filters, theme, this.reported.selection]);
        return this.looks.of(like, look, (bytes) => writeStyles(data, like, mode, filters, chosen, theme, bytes));
      },
    };
  }

  draw(now) {
    if (!this.data || !this.dpr || this.disposed) return;
    const { data, timeline } = this;
    timeline.tick(now);
    if (timeline.frame !== this.shownFrame || timeline.playing !== this.wasPlaying) this.showEpoch();
    const scene = this.scene();
    const shots = this.shots();
    let drawn = false;
    shots.forEach(({ pane, blend }, i) => {
      const path = this.path?.pane === i ? this.path.corners : null;
      drawn = pane.draw({ ...scene, path }, blend) || drawn;
    });
    this.tooltip.follow(data, this.hovered ?? this.pinned, this.pinned, shots, this.view, this.stage);
    if (drawn) this.root.dataset.draws = String(++this.draws);
    if (timeline.move || timeline.playing) {
      const wait = timeline.move ? 0 : timeline.wait(now);
      if (wait > 20) setTimeout(() => this.request(), wait);
      else this.request();
    }
    this.root.classList.toggle("zoomed", !isFull(this.view));
  }

  dispose() {
    this.disposed = true;
    this.listening.abort();
    this.source.close();
    this.judge.close();
    this.watcher.disconnect();
    clearTimeout(this.reporting);
    clearTimeout(this.hinting);
    for (const pane of this.panes) pane.dispose();
  }
}
