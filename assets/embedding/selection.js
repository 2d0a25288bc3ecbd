// Which points are selected, and the text that a link carries for them. pages/elements/embedding.py reads the same text.

import { positionAt } from "./payload.js";
import { scaleOf } from "./view.js";

/** @import { MapData } from "./payload.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Box, Place, View } from "./view.js" */

/** @typedef {"replace" | "add" | "remove"} How what a new choice does to the old one */

/** Rising indices as text: a bit a point ("b…", base64) or steps in base 36 ("i…"), whichever is shorter; "" for none.
 * @type {(indices: number[], count: number) => string} */
export function encodeSelection(indices, count) {
  if (indices.length === 0) return "";
  const steps = `i${indices.map((index, i) => (index - (i ? indices[i - 1] : 0)).toString(36)).join(".")}`;
  const bytes = new Uint8Array(Math.ceil(Math.min(indices[indices.length - 1] + 1, count) / 8));
  for (const index of indices) bytes[index >> 3] |= 1 << (index & 7);
  const bits = `b${btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  return bits.length < steps.length ? bits : steps;
}

/** The indices that a text stands for; none where it makes no sense.
 * @type {(text: string, count: number) => number[]} */
export function decodeSelection(text, count) {
  /** @type {number[]} */
  const found = [];
  if (text[0] === "i") {
    let at = 0;
    for (const step of text.slice(1).split(".")) {
      if (!/^[0-9a-z]{1,6}$/.test(step)) return [];
      at += parseInt(step, 36);
      found.push(at);
    }
  } else if (text[0] === "b" && /^[\w-]+$/.test(text)) {
    const cut = text.length % 4 === 2; // a link that lost its end: no base64 has this length
    const bytes = cut ? "" : atob(text.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
    for (let i = 0; i < 8 * bytes.length; i += 1) if (bytes.charCodeAt(i >> 3) & (1 << (i & 7))) found.push(i);
  }
  return [...new Set(found)].filter((index) => index < count);
}

/** Is (x, y) inside a polygon of [x, y] corners, by the even-odd rule?
 * @type {(polygon: Place[], x: number, y: number) => boolean} */
export function isInside(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** The shown points inside a polygon in map units.
 * @type {(data: MapData, blend: Blend, polygon: Place[], shown: (index: number) => boolean) => number[]} */
export function pointsInside(data, blend, polygon, shown) {
  const found = [];
  /** @type {Place} */
  const at = [0, 0];
  for (let index = 0; index < data.n; index += 1) {
    if (!positionAt(data, index, blend.from, blend.to, blend.mix, at)) continue;
    if (isInside(polygon, at[0], at[1]) && shown(index)) found.push(index);
  }
  return found;
}

/** The shown point nearest to a pixel of a pane, or -1.
 * @type {(data: MapData, box: Box, view: View, blend: Blend, px: number, py: number, reach: number,
 *   shown: (index: number) => boolean) => number} */
export function nearest(data, box, view, blend, px, py, reach, shown) {
  const scale = scaleOf(view, box);
  /** @type {Place} */
  const at = [0, 0];
  let best = -1;
  let least = reach * reach;
  for (let index = 0; index < data.n; index += 1) {
    if (!positionAt(data, index, blend.from, blend.to, blend.mix, at)) continue;
    const dx = box.width / 2 + (at[0] - view.x) * scale - px;
    const dy = box.height / 2 - (at[1] - view.y) * scale - py;
    const distance = dx * dx + dy * dy;
    if (distance < least && shown(index)) {
      least = distance;
      best = index;
    }
  }
  return best;
}

/** What a new choice makes of the old one.
 * @type {(old: number[], chosen: number[], how: How) => number[]} */
export function combine(old, chosen, how) {
  if (how === "replace") return chosen;
  const set = new Set(old);
  for (const index of chosen) {
    if (how === "add") set.add(index);
    else set.delete(index);
  }
  return [...set].sort((a, b) => a - b);
}

/** The corners of the box between two pixels.
 * @type {(from: Place, to: Place) => Place[]} */
export function boxPath([ax, ay], [bx, by]) {
  return [[ax, ay], [bx, ay], [bx, by], [ax, by]];
}
