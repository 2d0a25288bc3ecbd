// What the user has chosen of the picture: colouring, tool, layers, filters, the part of the map, the points.

import { LONGEST_TRAILS } from "./overlay.js";
import { hasMode, isShown } from "./palette.js";
import { combine, decodeSelection, nearest, pointsInside } from "./selection.js";
import { fullView, isFull, panBy, toMap, zoomAt } from "./view.js";

const REACH = 14; // pixels from which a point is picked

export class Interaction {
  /** `element` has panes, data, shots(), refresh(), request(), hint(words) and reports, as in element.js. */
  constructor(element) {
    this.element = element;
    this.view = fullView();
    this.mode = "class";
    this.tool = "pan";
    this.show = { contours: true, arrows: false };
    this.filters = {};
    this.selected = []; // rising indices
    this.hovered = null; // {index, pane}
    this.pinned = null;
    this.path = null; // {pane, corners} of a lasso in hand
  }

  /** Another run's data: the points are others, and some may be selected by the page's link. */
  begin(data, selection) {
    if (!hasMode(data, this.mode)) this.mode = "class";
    this.selected = decodeSelection(selection, data.n);
    this.view = fullView();
    this.filters = {};
    this.hovered = null;
    this.pinned = null;
  }

  // --- the picture ------------------------------------------------------------------------------------------------

  colourBy(mode) {
    if (!hasMode(this.element.data, mode)) return;
    this.mode = mode;
    this.element.refresh();
  }

  take(tool) {
    this.tool = tool;
    if (tool !== "pan") this.element.hint(tool === "lasso" ? "Draw around points" : "Drag a box around points");
    this.element.refresh();
  }

  toggle(name) {
    this.show[name] = !this.show[name];
    this.element.refresh();
  }

  isolate({ kind, group }) {
    if (this.filters[kind] === group) delete this.filters[kind];
    else this.filters[kind] = group;
    this.element.refresh();
  }

  zoomBy(factor) {
    const { box } = this.element.panes[0];
    this.look(zoomAt(this.view, box, box.width / 2, box.height / 2, factor));
  }

  reset() {
    this.look(fullView());
  }

  look(view) {
    this.view = view;
    this.element.request();
  }

  get zoomed() {
    return !isFull(this.view);
  }

  // --- the points -------------------------------------------------------------------------------------------------

  hover(place) {
    const index = place ? this.pick(place) : -1;
    if (index === (this.hovered?.index ?? -1) && place?.pane === this.hovered?.pane) return;
    this.hovered = index < 0 ? null : { index, pane: place.pane };
    this.element.root.dataset.hover = String(index);
    this.element.stamp += 1;
    this.element.request();
  }

  /** Pins and selects the point under the hand; beside all points it only lets go of the pinned one. */
  click(place, how) {
    const index = this.pick(place);
    const again = index === this.pinned?.index;
    this.pinned = index < 0 || again ? null : { index, pane: place.pane };
    if (index >= 0) this.select(combine(this.selected, [index], again && how === "replace" ? "remove" : how));
    this.element.refresh();
  }

  lasso(place, corners, how) {
    const { data } = this.element;
    const polygon = corners.map(([x, y]) => toMap(this.view, place.box, x, y));
    const { blend } = this.element.shots()[place.pane];
    const inside = pointsInside(data, blend, polygon, this.shownAt(blend));
    this.select(combine(this.selected, inside, how));
    if (inside.length === 0) this.element.hint("No point in there");
  }

  select(indices) {
    this.selected = indices;
    this.element.python.selection(indices, this.element.data.n);
    this.element.refresh();
  }

  clear() {
    this.pinned = null;
    this.select([]);
  }

  pick(place) {
    const { blend } = this.element.shots()[place.pane];
    return nearest(this.element.data, place.box, this.view, blend, place.x, place.y, REACH, this.shownAt(blend));
  }

  shownAt(blend) {
    return (index) => isShown(this.element.data, index, Math.round(blend.from + blend.mix), this.filters);
  }

  /** Those whose trails are drawn. */
  get trails() {
    return this.selected.length <= LONGEST_TRAILS ? this.selected : [];
  }

  /** Rings around points: [{index, strong}]. */
  marks(count) {
    return [[this.pinned?.index, true], [this.hovered?.index, false]]
      .filter(([index]) => index !== undefined && index < count)
      .map(([index, strong]) => ({ index, strong }));
  }

  // --- the hand ---------------------------------------------------------------------------------------------------

  /** What `bindPointer` of gestures.js acts on. */
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

  /** The pane under an event and the place in it, in CSS pixels; `pane` forces one, as a drag may leave it. */
  locate(event, pane) {
    const { panes, data } = this.element;
    const index = pane ?? panes.findIndex(({ plot }) => plot.contains(event.target));
    if (index < 0 || !data) return null;
    const { plot, box } = panes[index];
    const bounds = plot.getBoundingClientRect();
    return { pane: index, box, x: event.clientX - bounds.left - plot.clientLeft, y: event.clientY - bounds.top - plot.clientTop };
  }
}
