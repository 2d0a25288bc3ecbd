// The element that Streamlit mounts. It lives as long as its place in the page; new data only change its buffers.

import { bindControls, showControls } from "./controls.js";
import { all, find } from "./dom.js";
import { saveAs, saveScript } from "./export.js";
import { bindPointer } from "./gestures.js";
import { Interaction } from "./interaction.js";
import { showLegend } from "./legend.js";
import { Loader } from "./loader.js";
import { pointRadius, styleFrame, writeStyles } from "./palette.js";
import { Pane } from "./pane.js";
import { Player } from "./player.js";
import { Quality } from "./quality.js";
import { wordsOf } from "./server.js";
import { StyleCache } from "./style-cache.js";
import { readTheme } from "./theme.js";
import { ToPython } from "./to-python.js";
import { Tooltip } from "./tooltip.js";
import { fullView } from "./view.js";

/** @import { Scene } from "./pane.js" */
/** @import { Shot } from "./tooltip.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Saved } from "./controls.js" */

/** What a page says of its map, as pages/elements/embedding.py writes it.
 * @typedef {object} Mount
 * @property {string} key
 * @property {string} address
 * @property {string} version
 * @property {"pair" | "single"} mode
 * @property {string} alt
 * @property {number | null} epoch
 * @property {string} selection
 * @property {string | null} run
 * @property {boolean} follow
 * @property {number} height
 * @property {boolean} export
 * @property {boolean} perform
 */
/** How Streamlit calls a component.
 * @typedef {{ data: string | null, parentElement: HTMLElement, setStateValue: (name: string, value: number | string) => void }} Called */

const STACK_BELOW = 600; // pixels of width under which two panes stand one below the other
const TOOLS_BELOW = 700; // and under which the tools wait behind a button: they would stand in two lines above the legend

/** By parent element. @type {WeakMap<HTMLElement, Embedding>} */
const elements = new WeakMap();
/** How often a key was mounted on this page. @type {Map<string, number>} */
const mounts = new Map();

/** @type {(component: Called) => (() => void) | undefined} */
export default function render({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  let element = elements.get(parentElement);
  if (!element) {
    element = new Embedding(find(parentElement, ".embedding", HTMLElement));
    elements.set(parentElement, element);
  }
  element.python.tell = setStateValue;
  element.update(JSON.parse(data));
  return () => {
    elements.delete(parentElement);
    element.dispose();
  };
}

export class Embedding {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.stage = find(root, ".stage", HTMLElement);
    this.legend = find(root, ".legend", HTMLElement);
    this.legendReads = "";
    this.panes = all(root, ".pane", HTMLElement).map((figure) => new Pane(figure, () => this.request()));
    this.tooltip = new Tooltip(find(root, ".tip", HTMLElement), () => this.request());
    this.loader = new Loader((data) => this.receive(data), (words) => this.complain(words));
    this.quality = new Quality(() => this.refresh());
    this.python = new ToPython();
    this.interaction = new Interaction(this);
    this.player = new Player(this);
    /** @type {MapData | null} */
    this.data = null;
    /** @type {Mount | null} */
    this.mount = null;
    this.theme = readTheme(root);
    this.holds = ""; // the address of the data
    this.styles = new StyleCache(0);
    this.dpr = 0; // not known before the map is seen
    this.stamp = 0; // rises when the look of the points or of the overlay changes
    this.draws = 0;
    this.shownFrame = -1;
    this.wasPlaying = false;
    this.hinting = 0;
    /** @type {number | null} */
    this.frame = null;
    this.disposed = false;
    this.listening = new AbortController();
    this.watcher = new ResizeObserver(() => { if (this.resize()) this.draw(performance.now()); });
    this.watcher.observe(this.stage);
    this.bind();
    root.dataset.hover = "-1";
  }

  bind() {
    const { signal } = this.listening;
    bindPointer(this.stage, this.interaction.gestures, signal);
    bindControls(this.root, this, signal);
    // A run's pulse: the new epoch is fetched before the page has been drawn again.
    addEventListener("shiftscope-pulse", ({ detail }) => { if (this.mount && detail.run === this.mount.run) this.loader.refresh(); }, { signal });
    // A click on a curve.
    addEventListener("shiftscope-go", ({ detail }) => this.player.goTo(detail.epoch), { signal });
    addEventListener("shiftscope-where", () => this.tellEpoch(), { signal });
  }

  // --- what comes in ----------------------------------------------------------------------------------------------

  /** @type {(mount: Mount) => void} */
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
    this.loader.set(mount.address, mount.version);
    // While the data are on their way: the map's place is kept free, and its size is known.
    for (const pane of mount.mode === "pair" ? this.panes : [this.panes[0]]) pane.start();
    this.root.dataset.renderer = this.panes[0].start().name;
    if (!before) this.root.classList.add("waiting");
    this.root.hidden = false;
    this.resize();
    if (!same) this.refresh();
  }

  /** @type {(data: MapData) => void} */
  receive(data) {
    const { mount, player } = this;
    if (!mount) return;
    const old = this.data;
    const now = performance.now();
    this.data = data;
    this.holds = this.loader.address;
    this.complain("");
    const [run, kind] = data.identity.split("-");
    const [oldRun, oldKind] = old?.identity.split("-") ?? [];
    // The same samples in another projection or at more epochs: what the user has chosen stays.
    if (!old || run !== oldRun || old.n !== data.n) this.begin(data, mount);
    else if (old.identity === data.identity) player.timeline.extend(data.frames, now, player.pace, mount.follow);
    else player.timeline.recast(data.epochs.indexOf(old.epochs[player.timeline.frame]), data.frames);
    if (kind !== oldKind) this.interaction.view = fullView();
    this.styles = new StyleCache(data.n);
    this.stamp += 1;
    this.root.dataset.points = String(data.n);
    this.root.dataset.frames = String(data.frames);
    this.root.dataset.identity = data.identity;
    this.root.dataset.bytes = String(this.loader.size);
    // The points first, and at once: while they are drawn, the rest is written.
    this.resize();
    this.paint();
    this.describe();
    this.request();
    this.tooltip.setSamples(data);
    performance.mark("embedding-drawn");
  }

  /** Data of another run: everything begins anew, with the epoch and the selection that the page's link carries.
   * @type {(data: MapData, mount: Mount) => void} */
  begin(data, mount) {
    this.python.begin(this.player.begin(data, mount.epoch, mount.follow), mount.selection);
    this.interaction.begin(data, mount.selection);
    if (mount.perform && mount.epoch === null) this.player.perform();
  }

  // --- words ------------------------------------------------------------------------------------------------------

  /** @type {(words: string) => void} */
  complain(words) {
    const trouble = find(this.root, ".trouble", HTMLElement);
    trouble.textContent = words;
    trouble.hidden = !words;
    this.root.classList.remove("waiting");
    this.root.classList.toggle("empty", Boolean(words) && !this.data);
  }

  /** @type {(words: string) => void} */
  hint(words) {
    const hint = find(this.root, ".hint", HTMLElement);
    hint.textContent = words;
    hint.classList.add("on");
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => hint.classList.remove("on"), 1100);
  }

  /** @type {(kind: Saved) => void} */
  save(kind) {
    const { data, mount, player } = this;
    if (!data || !mount) return;
    if (kind !== "script") saveAs(kind, data, this.shots(), this.scene(data));
    else saveScript(mount.address, data, player.timeline.frame).catch((problem) => this.complain(wordsOf(problem)));
  }

  /** Brings the HTML in line with the state, then draws. */
  refresh() {
    if (!this.data || !this.mount || this.disposed) return;
    this.stamp += 1;
    this.resize();
    this.describe();
    this.request();
  }

  /** Everything that is not drawn: legend, controls, titles, captions. */
  describe() {
    const { root, data, theme, interaction } = this;
    if (!data) return;
    const { mode, filters } = interaction;
    this.legendReads = showLegend(this.legend, this.legendReads, data, mode, filters, theme, (entry) => interaction.isolate(entry));
    root.dataset.pinned = String(interaction.pinned?.index ?? -1);
    root.dataset.selected = String(interaction.selected.length);
    this.showEpoch();
  }

  tellEpoch() {
    const { data, player: { timeline } } = this;
    if (data && data.frames > 1) dispatchEvent(new CustomEvent("shiftscope-epoch", { detail: { epoch: data.epochs[timeline.frame] } }));
  }

  showEpoch() {
    const { data, mount, player: { timeline } } = this;
    if (!data || !mount) return;
    const { frame } = timeline;
    const epoch = data.epochs[frame];
    showControls(this.root, this, data, mount);
    this.shownFrame = frame;
    this.wasPlaying = timeline.playing;
    this.root.dataset.epoch = String(epoch ?? "");
    const shown = mount.mode === "pair" ? [0, frame] : [frame];
    shown.forEach((at, i) => this.panes[i].tell(data.titles[at], data.captions[at], this.quality.known.get(data.epochs[at])));
    const followed = mount.follow && timeline.following;
    if (mount.export && this.holds === mount.address && !timeline.playing) this.quality.want(mount.address, data.identity, shown.map((at) => data.epochs[at]), followed);
    this.tellEpoch();
    this.python.epoch(epoch, timeline, followed);
  }

  // --- pictures ---------------------------------------------------------------------------------------------------

  /** Gives the panes their size; true if that changed one. */
  resize() {
    if (!this.mount) return false;
    const width = this.stage.clientWidth;
    if (width === 0) return false; // in a closed tab or expander
    const pair = this.mount.mode === "pair";
    this.root.classList.toggle("stacked", pair && width < STACK_BELOW);
    this.root.classList.toggle("narrow", width < TOOLS_BELOW);
    const each = pair && width >= STACK_BELOW ? width / 2 : width;
    const height = Math.round(Math.min(this.mount.height, Math.max(each * 0.95, 200)));
    this.dpr = Math.min(window.devicePixelRatio || 1, 3);
    return this.panes.map((pane) => pane.fit(height, this.dpr)).some(Boolean);
  }

  /** Each visible pane with the two frames it is between, and how far.
   * @type {() => Shot[]} */
  shots() {
    const blend = this.player.timeline.blend();
    const [first, second] = this.panes;
    return this.mount?.mode === "pair" ? [{ pane: first, blend: { from: 0, to: 0, mix: 0 } }, { pane: second, blend }] : [{ pane: first, blend }];
  }

  /** What both panes draw.
   * @type {(data: MapData) => Scene} */
  scene(data) {
    const { theme, stamp, interaction } = this;
    const { view, mode, filters, selected } = interaction;
    const chosen = selected.length ? new Uint8Array(data.n) : null;
    if (chosen) for (const index of selected) chosen[index] = 1;
    return {
      data, view, theme, stamp,
      dpr: this.dpr,
      radius: pointRadius(data.n, view.zoom),
      show: interaction.show,
      trails: interaction.trails,
      marked: interaction.marks(data.n),
      onlyClass: filters.class ?? filters.predicted,
      looks: (frame) => {
        const like = styleFrame(mode, filters, frame);
        const look = JSON.stringify([mode, filters, theme, this.python.known.selection]);
        return this.styles.of(like, look, (bytes) => writeStyles(data, like, mode, filters, chosen, theme, bytes));
      },
    };
  }

  request() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      this.draw(now);
    });
  }

  /** @type {(now: number) => void} */
  draw(now) {
    if (!this.data || !this.dpr || this.disposed) return;
    const { timeline } = this.player;
    timeline.tick(now);
    if (timeline.frame !== this.shownFrame || timeline.playing !== this.wasPlaying) this.showEpoch();
    this.paint();
    if (timeline.move || timeline.playing) {
      const wait = timeline.move ? 0 : timeline.wait(now);
      if (wait > 20) setTimeout(() => this.request(), wait);
      else this.request();
    }
  }

  paint() {
    const { data, interaction } = this;
    if (!data || !this.dpr) return;
    const scene = this.scene(data);
    const shots = this.shots();
    let drawn = false;
    shots.forEach(({ pane, blend }, i) => {
      const path = interaction.path?.pane === i ? interaction.path.corners : null;
      drawn = pane.draw({ ...scene, path }, blend) || drawn;
    });
    this.tooltip.follow(data, interaction.hovered ?? interaction.pinned, interaction.pinned, shots, interaction.view, this.stage);
    if (drawn) this.root.dataset.draws = String(++this.draws);
    this.root.classList.toggle("zoomed", interaction.zoomed);
  }

  dispose() {
    this.disposed = true;
    this.listening.abort();
    this.loader.close();
    this.quality.close();
    this.python.close();
    this.watcher.disconnect();
    clearTimeout(this.hinting);
    for (const pane of this.panes) pane.dispose();
  }
}
