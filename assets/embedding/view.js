// Where the map is looked at: a centre in map units and a zoom. One view is shared by both panes.

/** @typedef {{ x: number, y: number, zoom: number }} View a centre in map units and a zoom */
/** @typedef {{ width: number, height: number }} Box a pane's size in CSS pixels */
/** @typedef {[x: number, y: number]} Place in map units or in pixels */

const MARGIN = 0.93; // the share of a pane's shorter side that the map fills at zoom 1
const MOST = 40;

/** @type {() => View} */
export function fullView() {
  return { x: 0, y: 0, zoom: 1 };
}

/** Pixels per map unit. The same for both axes, so distances can be compared.
 * @type {(view: View, pane: Box) => number} */
export function scaleOf(view, pane) {
  return (Math.min(pane.width, pane.height) / 2) * MARGIN * view.zoom;
}

/** Map units to CSS pixels inside a pane {width, height}. The map's y points up.
 * @type {(view: View, pane: Box, x: number, y: number) => Place} */
export function toPixel(view, pane, x, y) {
  const scale = scaleOf(view, pane);
  return [pane.width / 2 + (x - view.x) * scale, pane.height / 2 - (y - view.y) * scale];
}

/** @type {(view: View, pane: Box, px: number, py: number) => Place} */
export function toMap(view, pane, px, py) {
  const scale = scaleOf(view, pane);
  return [view.x + (px - pane.width / 2) / scale, view.y - (py - pane.height / 2) / scale];
}

/** Zooms by `factor` and keeps the map's point under the pixel where it is.
 * @type {(view: View, pane: Box, px: number, py: number, factor: number) => View} */
export function zoomAt(view, pane, px, py, factor) {
  const zoom = Math.min(Math.max(view.zoom * factor, 1), MOST);
  const [x, y] = toMap(view, pane, px, py);
  const ratio = view.zoom / zoom;
  return bounded({ x: x + (view.x - x) * ratio, y: y + (view.y - y) * ratio, zoom });
}

/** @type {(view: View, pane: Box, dx: number, dy: number) => View} */
export function panBy(view, pane, dx, dy) {
  const scale = scaleOf(view, pane);
  return bounded({ x: view.x - dx / scale, y: view.y + dy / scale, zoom: view.zoom });
}

/** @type {(view: View) => boolean} */
export function isFull(view) {
  return view.zoom === 1 && view.x === 0 && view.y === 0;
}

/** The map can't be lost out of sight: its centre of view stays on the map.
 * @type {(view: View) => View} */
function bounded({ x, y, zoom }) {
  const reach = zoom === 1 ? 0.35 : 1;
  return { x: Math.min(Math.max(x, -reach), reach), y: Math.min(Math.max(y, -reach), reach), zoom };
}
