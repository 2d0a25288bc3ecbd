// The element that Streamlit mounts. It lives as long as its place in the page; new data only change its buffers.

import { Canvas2DRenderer } from "./canvas2d.js";
import { bindKeys, bindPointer } from "./gestures.js";
import { Overlay, nearest } from "./overlay.js";
import { MODES, domainLegend, isShown, legendOf, pointRadius, writeStyles } from "./palette.js";
import { Tooltip, fillLegend, readTheme } from "./panels.js";
import { positionAt, readData, readHeader } from "./payload.js";
import { StylePool } from "./stylepool.js";
import { Timeline } from "./timeline.js";
import { fullView, isFull, panBy, scaleOf, toPixel, zoomAt } from "./view.js";
import { WebGLRenderer } from "./webgl.js";

const STACK_BELOW = 600; // pixels of width under which two panes stand one below the other
const REACH = 14; // pixels from which a point is picked
const REPORT_AFTER_MS = 400; // of rest, before Python hears of a new epoch

const elements = new WeakMap(); // parent element -> Embedding
const mounts = new Map(); // key -> how often it was mounted on this page

export default function render({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  let element = elements.get(parentElement);
  if (!element) {
    element = new Embedding(parentElement.querySelector(".embedding"));
    elements.set(parentElement, element);
  }
  element.report = (epoch) => setStateValue("epoch", epoch);
  element.update(data);
  return () => {
    elements.delete(parentElement);
    element.dispose();
  };
}

class Embedding {
  constructor(root) {
    const find = (selector) => root.querySelector(selector);
    this.root = root;
    this.stage = find(".stage");
    this.plots = [...root.querySelectorAll(".plot")];
    this.titles = [...root.querySelectorAll(".title")];
    this.captions = [...root.querySelectorAll("figcaption")];
    this.legend = find(".legend");
    this.select = find("select");
    this.slider = find("input");
    this.output = find("output");
    this.points = find(".points");
    this.overlay = new Overlay(find(".overlay"), find(".labels"));
    this.tooltip = new Tooltip(find(".tip"));
    this.renderer = WebGLRenderer.on(this.points) ?? new Canvas2DRenderer(this.points);
    this.timeline = null;
    this.view = fullView();
    this.mode = "class";
    this.filters = {};
    this.hovered = null; // {index, pane}
    this.pinned = null;
    this.draws = 0;
    this.stamp = 0; // rises when the look of the points changes
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.listening = new AbortController();
    this.bind();
    root.hidden = false;
    root.dataset.renderer = this.renderer.name;
    root.dataset.hover = "-1";
  }

  // --- new data ---------------------------------------------------------------------------------------------------

  update(bytes) {
    const header = readHeader(bytes);
    this.theme = readTheme(this.root);
    const mount = header.mount;
    const before = this.mount;
    this.mount = mount;
    if (this.version !== header.data.version) this.take(readData(bytes, header), mount);
    this.version = header.data.version;
    if (!before) {
      mounts.set(mount.key, (mounts.get(mount.key) ?? 0) + 1);
      this.root.dataset.key = mount.key;
      this.root.dataset.mounts = String(mounts.get(mount.key));
    }
    // Python's epoch counts when it changes; it doesn't undo what the user has chosen since.
    if (mount.epoch !== null && mount.epoch !== before?.epoch) {
      const frame = this.data.epochs.indexOf(mount.epoch);
      this.reported = mount.epoch;
      if (frame >= 0 && frame !== this.timeline.frame) this.timeline.choose(frame, performance.now(), before ? this.pace : 0);
      if (!mount.follow) this.timeline.touched = true;
    }
    this.points.setAttribute("aria-label", mount.alt);
    if (before && before.mode !== mount.mode) this.overlay.clear(); // the second pane's labels go or come
    this.root.classList.toggle("pair", mount.mode === "pair");
    this.root.classList.toggle("single", mount.mode !== "pair");
    this.resize();
    this.refresh();
  }

  take(data, mount) {
    const old = this.data;
    const now = performance.now();
    this.data = data;
    const same = old && old.n === data.n && old.domain.every((value, index) => value === data.domain[index]);
    if (same) this.timeline.extend(data.frames, now, this.pace, mount.follow);
    else {
      this.timeline = new Timeline(data.frames, Math.max(data.frames - 1, 0), mount.follow);
      this.view = fullView();
      this.filters = {};
      this.hovered = null;
      this.pinned = null;
    }
    this.renderer.setData(data);
    this.overlay.setData(data);
    this.tooltip.setSheet(data.sheet);
    this.looks = new StylePool(data.n);
  }

  // --- what the user does -----------------------------------------------------------------------------------------

  bind() {
    const { signal } = this.listening;
    const act = {
      locate: (event, pane) => this.locate(event, pane),
      zoom: (place, factor) => this.look(zoomAt(this.view, place.box, place.x, place.y, factor)),
      pan: (place, dx, dy) => {
        this.root.classList.add("dragging");
        this.look(panBy(this.view, place.box, dx, dy));
      },
      rest: () => this.root.classList.remove("dragging"),
      hover: (place) => this.hover(place),
      leave: () => this.hover(null),
      click: (place) => this.click(place),
      reset: () => this.look(fullView()),
      hint: (text) => this.hint(text),
    };
    bindPointer(this.stage, act, signal);
    const step = (by) => this.choose(this.timeline.frame + by);
    const keys = {
      " ": () => this.playOrPause(),
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      Home: () => this.choose(0),
      End: () => this.choose(this.timeline.last),
      Escape: () => this.pin(null),
      0: () => this.look(fullView()),
      "+": () => this.zoomBy(1.5),
      "=": () => this.zoomBy(1.5),
      "-": () => this.zoomBy(1 / 1.5),
    };
    MODES.forEach(({ name }, index) => { keys[index + 1] = () => this.colourBy(name); });
    bindKeys(this.root, keys, signal);

    this.select.replaceChildren(...MODES.map(({ name, title }) => new Option(title, name)));
    this.select.onchange = () => this.colourBy(this.select.value);
    this.slider.oninput = () => this.choose(Number(this.slider.value), 150);
    const buttons = {
      in: () => this.zoomBy(1.5), out: () => this.zoomBy(1 / 1.5), reset: act.reset, play: keys[" "],
      back: () => step(-1), forward: () => step(1), follow: () => this.choose(this.timeline.last),
    };
    for (const button of this.root.querySelectorAll("[data-do]")) button.onclick = buttons[button.dataset.do];

    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.stage);
    this.points.addEventListener("webglcontextlost", (event) => event.preventDefault(), { signal });
    this.points.addEventListener("webglcontextrestored", () => { this.renderer.restore(); this.request(); }, { signal });
  }

  get pace() {
    return this.still.matches ? 0 : 400;
  }

  choose(frame, duration = 400) {
    this.timeline.choose(frame, performance.now(), Math.min(this.pace, duration));
    this.refresh();
  }

  playOrPause() {
    if (this.timeline.playing) this.timeline.pause();
    else this.timeline.play(performance.now(), this.pace);
    this.refresh();
  }

  colourBy(mode) {
    this.mode = mode;
    this.stamp += 1;
    this.refresh();
  }

  isolate({ kind, group }) {
    if (this.filters[kind] === group) delete this.filters[kind];
    else this.filters[kind] = group;
    this.stamp += 1;
    this.refresh();
  }

  zoomBy(factor) {
    const box = this.boxes[0];
    this.look(zoomAt(this.view, box, box.width / 2, box.height / 2, factor));
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
    this.request();
  }

  click(place) {
    const index = this.pick(place);
    this.pin(index < 0 || index === this.pinned?.index ? null : { index, pane: place.pane });
  }

  pin(pinned) {
    this.pinned = pinned;
    this.root.dataset.pinned = String(pinned?.index ?? -1);
    this.request();
  }

  pick(place) {
    const { frames } = this.panes()[place.pane];
    const shown = (index) => isShown(this.data, index, Math.round(frames.from + frames.mix), this.filters);
    return nearest(this.data, place.box, this.view, frames, place.x, place.y, REACH, shown);
  }

  /** The pane under an event and the place in it, in CSS pixels; `pane` forces one, as a drag may leave it. */
  locate(event, pane) {
    const index = pane ?? this.plots.indexOf(event.target);
    if (index < 0 || !this.data) return null;
    const bounds = this.plots[index].getBoundingClientRect();
    return { pane: index, box: this.boxes[index], x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  }

  hint(text) {
    const hint = this.root.querySelector(".hint");
    hint.textContent = text;
    hint.classList.add("on");
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => hint.classList.remove("on"), 900);
  }

  // --- what is seen -----------------------------------------------------------------------------------------------

  /** Each visible pane's two frames and how far between them. */
  panes() {
    const now = this.timeline.blend();
    return this.mount.mode === "pair" ? [{ frames: { from: 0, to: 0, mix: 0 } }, { frames: now }] : [{ frames: now }];
  }

  resize() {
    if (!this.mount) return;
    const width = this.stage.clientWidth;
    if (width === 0) return; // in a closed tab or expander
    const pair = this.mount.mode === "pair";
    this.root.classList.toggle("stacked", pair && width < STACK_BELOW);
    const each = pair && width >= STACK_BELOW ? width / 2 : width;
    for (const plot of this.plots) plot.style.height = `${Math.round(Math.min(this.mount.height, Math.max(each * 0.95, 200)))}px`;
    const origin = this.stage.getBoundingClientRect();
    this.boxes = this.plots.map((plot) => {
      const box = plot.getBoundingClientRect();
      return { x: box.left - origin.left, y: box.top - origin.top, width: box.width, height: box.height };
    });
    this.dpr = Math.min(window.devicePixelRatio || 1, 3);
    for (const canvas of [this.points, this.overlay.canvas]) {
      const [w, h] = [width, this.stage.clientHeight];
      if (canvas.width === Math.round(w * this.dpr) && canvas.height === Math.round(h * this.dpr)) continue;
      canvas.width = Math.round(w * this.dpr);
      canvas.height = Math.round(h * this.dpr);
      canvas.style.width = `${w}px`;
      canvas.style.height = `${h}px`;
    }
    this.draw(performance.now()); // at once: a resized canvas is blank until it is drawn
  }

  /** Brings the HTML in line with the state, then draws. */
  refresh() {
    if (!this.data) return;
    const { data, timeline, mount } = this;
    // A kept legend entry must not lose the focus, so the legend is only rebuilt when it reads differently.
    const legend = JSON.stringify([this.filters, legendOf(data, this.mode, this.theme), domainLegend(data, this.mode, this.theme)]);
    if (legend !== this.legendShown) {
      const focused = this.root.getRootNode().activeElement?.closest?.(".legend button");
      fillLegend(this.legend, data, this.mode, this.filters, this.theme, (entry) => this.isolate(entry));
      if (focused) this.legend.querySelector(`[data-kind="${focused.dataset.kind}"][data-group="${focused.dataset.group}"]`)?.focus();
      this.stamp += 1;
    }
    this.legendShown = legend;
    this.select.value = this.mode;
    this.root.querySelector(".time").hidden = data.frames < 2;
    this.root.classList.toggle("void", data.n === 0 || data.frames === 0);
    this.root.querySelector('[data-do="follow"]').hidden = !mount.follow || timeline.following;
    this.slider.max = String(timeline.last);
    this.root.dataset.points = String(data.n);
    this.root.dataset.frames = String(data.frames);
    this.root.dataset.pinned = String(this.pinned?.index ?? -1);
    this.showEpoch();
    this.request();
  }

  showEpoch() {
    const { data, timeline } = this;
    const frame = timeline.frame;
    const epoch = data.epochs[frame];
    this.shownFrame = frame;
    this.root.classList.toggle("playing", timeline.playing);
    this.root.querySelector(".play").setAttribute("aria-label", timeline.playing ? "Pause" : "Play");
    this.root.querySelector('[data-do="back"]').disabled = frame === 0;
    this.root.querySelector('[data-do="forward"]').disabled = frame === timeline.last;
    this.slider.value = String(frame);
    this.slider.setAttribute("aria-valuetext", data.titles[frame] ?? "");
    this.output.value = data.titles[frame] ?? "";
    this.root.dataset.epoch = String(epoch ?? "");
    const frames = this.mount.mode === "pair" ? [0, frame] : [frame];
    frames.forEach((shown, pane) => {
      this.titles[pane].textContent = data.titles[shown] ?? "";
      this.captions[pane].textContent = data.captions[shown] ?? "";
    });
    clearTimeout(this.reporting);
    // Following a run is no choice of the user's: Python knows that epoch already.
    if (timeline.touched && !timeline.playing && epoch !== undefined && epoch !== this.reported) {
      this.reporting = setTimeout(() => {
        this.reported = epoch;
        this.report(epoch);
      }, REPORT_AFTER_MS);
    }
  }

  request() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      this.draw(now);
    });
  }

  draw(now) {
    if (!this.boxes || !this.data || this.disposed) return;
    const { timeline, renderer, overlay, theme, view, dpr, data } = this;
    timeline.tick(now);
    if (timeline.frame !== this.shownFrame || this.root.classList.contains("playing") !== timeline.playing) this.refresh();
    const radius = pointRadius(data.n, view.zoom);
    const marked = [...new Set([this.pinned?.index, this.hovered?.index])].filter((index) => index !== undefined && index < data.n);
    renderer.begin(theme);
    overlay.begin(dpr, marked.length === 0);
    this.panes().forEach(({ frames }, pane) => {
      const box = this.boxes[pane];
      const [from, to] = [frames.from, frames.to].map((frame) => ({ frame, style: this.looks.of(frame, this.stamp, (bytes) => this.paint(frame, bytes)) }));
      if (data.n > 0 && data.frames > 0) {
        renderer.draw(box, view, scaleOf(view, box), radius, dpr, from, to, frames.mix);
        if (this.pinned && this.mount.mode !== "pair") overlay.trail(box, view, timeline.at, this.pinned.index, theme);
        overlay.labels(box, pane, view, frames, this.filters.class);
        for (const index of marked) overlay.mark(box, view, frames, index, radius, theme, index === this.pinned?.index);
      }
    });
    this.showTooltip();
    this.root.querySelector('[data-do="reset"]').disabled = isFull(view);
    this.draws += 1;
    this.root.dataset.draws = String(this.draws);
    if (timeline.move) this.request();
    else if (timeline.playing) setTimeout(() => this.request(), timeline.wait(now));
  }

  paint(frame, bytes) {
    writeStyles(this.data, frame, this.mode, this.filters, this.theme, bytes);
  }

  showTooltip() {
    const chosen = this.hovered ?? this.pinned;
    const pane = chosen && this.panes()[chosen.pane];
    if (!pane || chosen.index >= this.data.n) {
      this.tooltip.hide();
      return;
    }
    const { from, to, mix } = pane.frames;
    const frame = mix < 0.5 ? from : to;
    const box = this.boxes[chosen.pane];
    const [x, y] = this.placeOf(chosen.index, pane.frames, box);
    if (x < 0 || y < 0 || x > box.width || y > box.height) {
      this.tooltip.hide();
      return;
    }
    const size = { width: this.stage.clientWidth, height: this.stage.clientHeight };
    const first = this.mount.mode === "pair" && chosen.pane === 1 ? 0 : frame;
    this.tooltip.show(this.data, chosen.index, frame, first, box.x + x, box.y + y, size, chosen.index === this.pinned?.index);
  }

  placeOf(index, { from, to, mix }, box) {
    const at = [0, 0];
    positionAt(this.data, index, from, to, mix, at);
    return toPixel(this.view, box, ...at);
  }

  dispose() {
    this.disposed = true;
    this.listening.abort();
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.reporting);
    clearTimeout(this.hinting);
    this.renderer.dispose();
  }
}
