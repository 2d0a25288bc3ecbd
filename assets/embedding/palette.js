// What colours, shapes and fills mean. Both renderers and the legend take them from here.

import { confidenceOf, movedBy, predictedClass, trueClass } from "./payload.js";
import { channels } from "./theme.js";

/** @import { MapData } from "./payload.js" */
/** @import { Colour, Theme } from "./theme.js" */

/** @typedef {"class" | "domain" | "outcome" | "confidence" | "moved" | "predicted"} Mode what the points are coloured by */
/** @typedef {"class" | "predicted" | "domain" | "outcome"} Kind what the legend can filter by */
/** @typedef {Partial<Record<Kind, number>>} Filters the one group of a kind that is shown */
/** An entry of the legend; one without shape and fill has a plain swatch.
 * @typedef {{ kind: Kind, group: number, title: string, colour: string, shape?: number, fill?: number }} Entry */

// Petroff (2021), ten colours that stay apart under colour-vision deficiencies.
const CLASS_COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
const DOMAIN_COLOURS = ["#0072b2", "#d55e00"];
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

export const DISC = 0;
export const TRIANGLE = 1;
export const FILLED = 0;
export const HOLLOW = 1;
export const RING = 2; // bold and hollow, in the text's colour: wrong

export const BYTES_PER_STYLE = 8; // red, green, blue, alpha, shape, fill, size in 1/128, unused

/** The colourings in the order of their keys 1 to 6. The looks of `still` ones are the same at every epoch.
 * @type {{ name: Mode, title: string, still?: boolean, judged?: boolean, moving?: boolean }[]} */
export const MODES = [
  { name: "class", title: "true class", still: true },
  { name: "domain", title: "domain", still: true },
  { name: "outcome", title: "right or wrong", judged: true },
  { name: "confidence", title: "confidence", judged: true },
  { name: "moved", title: "distance moved", moving: true },
  { name: "predicted", title: "predicted class", judged: true },
];

/** Has this map what a colouring shows? Raw inputs have no predictions, and what has one epoch has not moved.
 * @type {(data: MapData, name: string) => boolean} */
export function hasMode(data, name) {
  const mode = MODES.find((one) => one.name === name);
  return mode !== undefined && !(mode.judged && !data.judged) && !(mode.moving && data.frames < 2);
}

const DIMMED = 16; // alpha of a point that the legend has filtered out
const UNCHOSEN = 70; // alpha of a point outside the selection
const RIGHT = 0;
const WRONG = 1;

/** @type {(hex: string) => Colour} */
export function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** After ten classes the colours come again, first darker, then lighter; direct labels tell the rest apart.
 * @type {(label: number) => string} */
export function classColour(label) {
  const colour = CLASS_COLOURS[label % CLASS_COLOURS.length];
  const round = Math.floor(label / CLASS_COLOURS.length) % 3;
  if (round === 0) return colour;
  const towards = round === 1 ? 0 : 255;
  return `#${rgb(colour).map((value) => Math.round(value * 0.6 + towards * 0.4).toString(16).padStart(2, "0")).join("")}`;
}

/** Cividis from dark to light. On a dark page its darkest quarter would not be seen, so the scale begins above it.
 * @type {(fraction: number, theme: Theme) => Colour} */
export function cividis(fraction, theme) {
  const start = theme.background[0] < 128 ? 0.25 : 0;
  const at = (start + (1 - start) * Math.min(Math.max(fraction, 0), 1)) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const [a, b] = [rgb(CIVIDIS[low]), rgb(CIVIDIS[low + 1])];
  return channels((i) => a[i] + (b[i] - a[i]) * (at - low));
}

/** 0 right, 1 wrong, -1 when the true class is not known.
 * @type {(data: MapData, index: number, frame: number) => number} */
export function outcome(data, index, frame) {
  const label = trueClass(data, index);
  if (label < 0) return -1;
  return predictedClass(data, index, frame) === label ? RIGHT : WRONG;
}

/** The group of a point in each of the legend's filters.
 * @type {Record<Kind, (data: MapData, index: number, frame: number) => number>} */
const GROUPS = {
  class: (data, index) => trueClass(data, index),
  predicted: predictedClass,
  domain: (data, index) => data.domain[index],
  outcome,
};

/** Does the legend's filter leave this point in? `filters` maps a kind to the one group that is shown.
 * @type {(data: MapData, index: number, frame: number, filters: Filters) => boolean} */
export function isShown(data, index, frame, filters) {
  return kindsOf(filters).every((kind) => GROUPS[kind](data, index, frame) === filters[kind]);
}

/** The kinds that are filtered by.
 * @type {(filters: Filters) => Kind[]} */
export function kindsOf(filters) {
  return /** @type {Kind[]} */ (Object.keys(filters));
}

/** The frame whose looks a frame shares: looks that don't change are painted once.
 * @type {(mode: Mode, filters: Filters, frame: number) => number} */
export function styleFrame(mode, filters, frame) {
  const still = MODES.find(({ name }) => name === mode)?.still && !("predicted" in filters) && !("outcome" in filters);
  return still ? 0 : frame;
}

/** Fills `out` with the look of every point of one frame; `chosen` holds a 1 for each selected point, or is null.
 * @type {(data: MapData, frame: number, mode: Mode, filters: Filters, chosen: Uint8Array | null, theme: Theme, out: Uint8Array) => Uint8Array} */
export function writeStyles(data, frame, mode, filters, chosen, theme, out) {
  const filtered = Object.keys(filters).length > 0;
  const classes = data.classNames.map((_, label) => rgb(classColour(label)));
  const domains = DOMAIN_COLOURS.map(rgb);
  for (let index = 0; index < data.n; index += 1) {
    const at = index * BYTES_PER_STYLE;
    const target = data.domain[index] === 1;
    let fill = target ? HOLLOW : FILLED;
    let colour = theme.muted;
    let size = 1;
    if (mode === "class" || mode === "predicted") {
      const label = mode === "class" ? trueClass(data, index) : predictedClass(data, index, frame);
      if (label >= 0) colour = classes[label] ?? theme.muted;
    } else if (mode === "domain") {
      colour = domains[target ? 1 : 0];
    } else if (mode === "confidence") {
      colour = cividis(confidenceOf(data, index, frame), theme);
    } else if (mode === "moved") {
      colour = cividis(movedBy(data, index, frame) / data.moved, theme);
    } else {
      const result = outcome(data, index, frame);
      fill = result === WRONG ? RING : FILLED;
      size = result === WRONG ? 1.05 : 0.72;
      if (result === WRONG) colour = theme.text;
      if (result < 0) fill = HOLLOW;
    }
    out[at] = colour[0];
    out[at + 1] = colour[1];
    out[at + 2] = colour[2];
    if (filtered && !isShown(data, index, frame, filters)) out[at + 3] = DIMMED;
    else out[at + 3] = chosen && !chosen[index] ? UNCHOSEN : 255;
    out[at + 4] = target ? TRIANGLE : DISC;
    out[at + 5] = fill;
    out[at + 6] = Math.round(size * 128);
  }
  return out;
}

/** What the legend of a mode lists.
 * @type {(data: MapData, mode: Mode, theme: Theme) => Entry[]} */
export function legendOf(data, mode, theme) {
  const text = css(theme.text);
  const muted = css(theme.muted);
  if (mode === "class" || mode === "predicted") {
    const entries = data.classNames.map((title, group) => ({ kind: mode, group, title, colour: classColour(group) }));
    const unknown = mode === "class" && data.labels.includes(-1);
    return unknown ? [...entries, { kind: mode, group: -1, title: "unknown", colour: muted }] : entries;
  }
  if (mode === "outcome") {
    const entries = [
      { kind: mode, group: RIGHT, title: "right", colour: muted, fill: FILLED },
      { kind: mode, group: WRONG, title: "wrong", colour: text, fill: RING },
    ];
    return data.labels.includes(-1) ? [...entries, { kind: mode, group: -1, title: "unknown", colour: muted, fill: HOLLOW }] : entries;
  }
  return [];
}

/** Source and target, listed in every mode because their shapes always hold.
 * @type {(data: MapData, mode: Mode, theme: Theme) => Entry[]} */
export function domainLegend(data, mode, theme) {
  const present = new Set(data.domain);
  return ["source", "target"]
    .map((title, group) => /** @type {Entry} */ ({
      kind: "domain", group, title, shape: group === 0 ? DISC : TRIANGLE, fill: group === 0 || mode === "outcome" ? FILLED : HOLLOW,
      colour: mode === "domain" ? DOMAIN_COLOURS[group] : css(theme.text),
    }))
    .filter((entry) => present.has(entry.group));
}

/** @type {(colour: number[], alpha?: number) => string} */
export function css(colour, alpha = 1) {
  return alpha === 1 ? `rgb(${colour.join(" ")})` : `rgb(${colour.join(" ")} / ${alpha})`;
}

/** Point radius in CSS pixels: smaller in a crowd, larger when zoomed in.
 * @type {(count: number, zoom: number) => number} */
export function pointRadius(count, zoom) {
  const base = count <= 400 ? 5 : count <= 1500 ? 4.2 : count <= 6000 ? 2.8 : 2.4;
  return base * Math.min(zoom ** 0.35, 2.2);
}
