// What the user has chosen of the picture: colouring, tool, layers, filters, the part of the map, the points.

import { LONGEST_TRAILS } from "./overlay.js";
import { hasMode, isShown } from "./palette.js";
import { combine, decodeSelection, nearest, pointsInside } from "./selection.js";
import { fullView, isFull, panBy, toMap, zoomAt } from "./view.js";

/** @import { Embedding } from "./element.js" */
/** @import { Actions, Hand } from "./gestures.js" */
/** @import { Filters, Kind, Mode } from "./palette.js" */
/** @import { MapData } from "./payload.js" */
/** @import { How } from "./selection.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Place, View } from "./view.js" */

/** @typedef {{ index: number, pane: number }} Told a point that the tooltip tells of, and in which pane */
/** @typedef {"pan" | "lasso" | "box"} Tool */

const REACH = 14; // pixels from which a point is picked

export class Interaction {
  /** @param {Embedding} element */
  constructor(element) {
    this.element = element;
    this.view = fullView();
    /** @type {Mode} */
    this.mode = "class";
    /** @type {Tool} */
    this.tool = "pan";
    this.show = { contours: true, arrows: false };
    /** @type {Filters} */
    this.filters = {};
    /** Rising indices. @type {number[]} */
    this.selected = [];
    /** @type {Told | null} */
    this.hovered = null;
    /** @type {Told | null} */
    this.pinned = null;
    /** Of a lasso in hand. @type {{ pane: number, corners: Place[] } | null} */
    this.path = null;
  }

  /** Another run's data: the points are others, and some may be selected by the page's link.
   * @type {(data: MapData, selection: string) => void} */
  begin(data, selection) {
    if (!hasMode(data, this.mode)) this.mode = "class";
    this.selected = decodeSelection(selection, data.n);
    this.view = fullView();
    this.filters = {};
    this.hovered = null;
    this.pinned = null;
  }

  // --- the picture ------------------------------------------------------------------------------------------------

  /** @type {(mode: Mode) => void} */
  colourBy(mode) {
    const { data } = this.element;
    if (!data || !hasMode(data, mode)) return;
    this.mode = mode;
    this.element.refresh();
  }

  /** @type {(tool: Tool) => void} */
  take(tool) {
    this.tool = tool;
    if (tool !== "pan") this.element.hint(tool === "lasso" ? "Draw around points" : "Drag a box around points");
    this.element.refresh();
  }

  /** @type {(name: "contours" | "arrows") => void} */
  toggle(name) {
    this.show[name] = !this.show[name];
    this.element.refresh();
  }

  /** @type {(entry: { kind: Kind, group: number }) => void} */
  isolate({ kind, group }) {
    if (this.filters[kind] === group) delete this.filters[kind];
    else this.filters[kind] = group;
    this.element.refresh();
  }

  /** @type {(factor: number) => void} */
  zoomBy(factor) {
    const { box } = this.element.panes[0];
    this.look(zoomAt(this.view, box, box.width / 2, box.height / 2, factor));
  }

  reset() {
    this.look(fullView());
  }

  /** @type {(view: View) => void} */
  look(view) {
    this.view = view;
    this.element.request();
  }

  get zoomed() {
    return !isFull(this.view);
  }

  // --- the points -------------------------------------------------------------------------------------------------

  /** @type {(place: Hand | null) => void} */
  hover(place) {
    const index = place ? this.pick(place) : -1;
    if (index === (this.hovered?.index ?? -1) && place?.pane === this.hovered?.pane) return;
    this.hovered = !place || index < 0 ? null : { index, pane: place.pane };
    this.element.root.dataset.hover = String(index);
    this.element.stamp += 1;
    this.element.request();
  }

  /** Pins and selects the point under the hand; beside all points it only lets go of the pinned one.
   * @type {(place: Hand, how: How) => void} */
  click(place, how) {
    const index = this.pick(place);
    const again = index === this.pinned?.index;
    this.pinned = index < 0 || again ? null : { index, pane: place.pane };
    if (index >= 0) this.select(combine(this.selected, [index], again && how === "replace" ? "remove" : how));
    this.element.refresh();
  }

  /** @type {(place: Hand, corners: Place[], how: How) => void} */
  lasso(place, corners, how) {
    const { data } = this.element;
    if (!data) return;
    const polygon = corners.map(([x, y]) => toMap(this.view, place.box, x, y));
    const { blend } = this.element.shots()[place.pane];
    const inside = pointsInside(data, blend, polygon, this.shownAt(data, blend));
    this.select(combine(this.selected, inside, how));
    if (inside.length === 0) this.element.hint("No point in there");
  }

  /** @type {(indices: number[]) => void} */
  select(indices) {
    this.selected = indices;
    if (this.element.data) this.element.python.selection(indices, this.element.data.n);
    this.element.refresh();
  }

  clear() {
    this.pinned = null;
    this.select([]);
  }

  /** @type {(place: Hand) => number} */
  pick(place) {
    const { data } = this.element;
    if (!data) return -1;
    const { blend } = this.element.shots()[place.pane];
    return nearest(data, place.box, this.view, blend, place.x, place.y, REACH, this.shownAt(data, blend));
  }

  /** @type {(data: MapData, blend: Blend) => (index: number) => boolean} */
  shownAt(data, blend) {
    return (index) => isShown(data, index, Math.round(blend.from + blend.mix), this.filters);
  }

  /** Those whose trails are drawn. */
  get trails() {
    return this.selected.length <= LONGEST_TRAILS ? this.selected : [];
  }

  /** Rings around points.
   * @type {(count: number) => { index: number, strong: boolean }[]} */
  marks(count) {
    return [{ told: this.pinned, strong: true }, { told: this.hovered, strong: false }]
      .flatMap(({ told, strong }) => (told && told.index < count ? [{ index: told.index, strong }] : []));
  }

  // --- the hand ---------------------------------------------------------------------------------------------------

  /** What `bindPointer` of gestures.js acts on.
   * @returns {Actions} */
  get gestures() {
    const { element } = this;
    return {
      locate: (event, pane) => this.locate(event, pane),
      tool: () => this.tool,
      zoom: (place, factor) => this.look(zoomAt(this.view, place.box, place.x, place.y, factor)),
      pan: (place, dx, dy) => {
        element.root.classList.add("dragging");
        this.look(panBy(this.view, place.box, dx, dy));
      },
      path: (path) => { this.path = path; element.request(); },
      choose: (place, corners, how) => this.lasso(place, corners, how),
      rest: () => element.root.classList.remove("dragging"),
      hover: (place) => this.hover(place),
      leave: () => this.hover(null),
      click: (place, how) => this.click(place, how),
      reset: () => this.reset(),
      hint: (words) => element.hint(words),
    };
  }

  /** The pane under an event and the place in it, in CSS pixels; `pane` forces one, as a drag may leave it.
   * @type {(event: { clientX: number, clientY: number, target: EventTarget | null }, pane?: number) => Hand | null} */
  locate(event, pane) {
    const { panes, data } = this.element;
    const index = pane ?? panes.findIndex(({ plot }) => event.target instanceof Node && plot.contains(event.target));
    if (index < 0 || !data) return null;
    const { plot, box } = panes[index];
    const bounds = plot.getBoundingClientRect();
    return { pane: index, box, x: event.clientX - bounds.left - plot.clientLeft, y: event.clientY - bounds.top - plot.clientTop };
  }
}
