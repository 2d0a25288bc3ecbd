// Reads the bytes that core/maps/packing.py packs: a length, a JSON header, then the arrays the header lists.

/** @import { Place } from "./view.js" */

/** Samples, and for each frame (an epoch of a run) where they are and what the network said of them. Arrays of several frames have the
 * first frame first.
 * @typedef {object} MapData
 * @property {string} identity run, projection and more; the same for as long as new epochs only follow on those that are held
 * @property {string} version changes whenever anything does
 * @property {number} n samples
 * @property {number} frames
 * @property {number[]} epochs
 * @property {string[]} titles
 * @property {string[]} captions
 * @property {string[]} classNames
 * @property {string} note
 * @property {boolean} judged whether a network has said anything
 * @property {number} moved map units at the far end of the scale of distances moved
 * @property {Uint8Array} domain of each sample: 0 source, 1 target
 * @property {Int16Array} labels -1 where the class is not known
 * @property {Int16Array} positions x and y of each sample, `UNIT` steps to a map unit
 * @property {Uint8Array | Int16Array} predictions
 * @property {Uint8Array} confidence 255 is certain
 * @property {Int16Array} centres x and y by frame, domain and class
 * @property {Int16Array[][][]} outlines corners by frame, kind (source, target, domain classifier) and ring
 * @property {number} grid points along a side of the plane under two-dimensional inputs; 0 where there is none
 * @property {Uint8Array} [groundClasses]
 * @property {Uint8Array} [groundConfidence]
 * @property {Sheet | null} sheet
 * @property {string | null} rows where the samples' rows or texts are
 */
/** @typedef {{ url: string, columns: number, width: number, height: number }} Sheet pictures of all samples in one, row by row */
/** One answer of the server: the frames from `since` on. `domain` and `labels` come with the first frame only.
 * @typedef {Omit<MapData, "moved"> & { since: number }} Part */
/** @typedef {{ name: string, type: "u1" | "i2", offset: number, length: number }} Packed */

export const NOT_PLACED = -32768; // the coordinate of a point without a place in this epoch
export const UNIT = 16383; // int16 steps of one map unit

/** The epochs of one answer: the header's fields, and its arrays with their differences summed up.
 * @type {(bytes: Uint8Array<ArrayBuffer>) => Part} */
export function decode(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const { arrays, outlineLengths, ...header } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const part = { ...header, frames: header.epochs.length };
  for (const { name, type, offset, length: size } of /** @type {Packed[]} */ (arrays)) {
    const from = 4 + length + offset;
    // Typed arrays start at multiples of their item: larger ones are copied.
    part[name] = type === "u1" ? bytes.subarray(from, from + size) : new Int16Array(bytes.slice(from, from + size).buffer);
  }
  part.positions = joined(part.positions, 2 * part.n);
  part.predictions = summed(part.predictions, part.n);
  part.confidence = summed(part.confidence, part.n);
  part.outlines = cutOutlines(part.outlines, outlineLengths);
  if (part.grid) {
    part.groundClasses = summed(part.groundClasses, part.grid ** 2);
    part.groundConfidence = summed(part.groundConfidence, part.grid ** 2);
  }
  return part;
}

/** What the browser holds with the new epochs behind it; null when they do not follow on each other.
 * @type {(held: MapData | null, part: Part) => MapData | null} */
export function merge(held, part) {
  if (part.since === 0) return { ...part, moved: movedScale(part) };
  if (!held || held.identity !== part.identity || held.frames !== part.since) return null;
  const data = {
    ...held, ...part, domain: held.domain, labels: held.labels, frames: held.frames + part.frames,
    positions: longer(held.positions, part.positions),
    predictions: longer(held.predictions, part.predictions),
    confidence: longer(held.confidence, part.confidence),
    centres: longer(held.centres, part.centres),
    groundClasses: held.groundClasses && part.groundClasses && longer(held.groundClasses, part.groundClasses),
    groundConfidence: held.groundConfidence && part.groundConfidence && longer(held.groundConfidence, part.groundConfidence),
    epochs: [...held.epochs, ...part.epochs],
    titles: [...held.titles, ...part.titles],
    captions: [...held.captions, ...part.captions],
    outlines: [...held.outlines, ...part.outlines],
  };
  data.moved = movedScale(data);
  return data;
}

/** Both behind each other, in an array of the first one's type.
 * @template {Uint8Array | Int16Array} T @param {T} held @param {T} part @returns {T} */
function longer(held, part) {
  const whole = new (/** @type {new (length: number) => T} */ (held.constructor))(held.length + part.length);
  whole.set(held);
  whole.set(part, held.length);
  return whole;
}

/** Each epoch is the difference to the one before; typed arrays wrap as the packing did.
 * The low bytes of all numbers come first, then the high ones. In one pass, because the first draw waits for it.
 * @type {(bytes: Uint8Array, size: number) => Int16Array} */
function joined(bytes, size) {
  const count = bytes.length / 2;
  const whole = new Int16Array(count);
  for (let i = 0; i < count; i += 1) {
    const step = bytes[i] | (bytes[count + i] << 8);
    whole[i] = i < size ? step : whole[i - size] + step;
  }
  return whole;
}

/** @type {<T extends Uint8Array | Int16Array>(values: T, size: number) => T} */
function summed(values, size) {
  for (let i = size; i < values.length; i += 1) values[i] += values[i - size];
  return values;
}

/** @type {(flat: Int16Array, lengths: number[][][]) => Int16Array[][][]} */
function cutOutlines(flat, lengths) {
  let at = 0;
  return lengths.map((epoch) => epoch.map((rings) => rings.map((points) => flat.subarray(2 * at, 2 * (at += points)))));
}

/** Writes where point `index` is between two frames into `out`; false if it has no place there.
 * @type {(data: MapData, index: number, from: number, to: number, mix: number, out: Place) => boolean} */
export function positionAt(data, index, from, to, mix, out) {
  const a = 2 * (from * data.n + index);
  const b = 2 * (to * data.n + index);
  const p = data.positions;
  if (p[a] === NOT_PLACED || p[b] === NOT_PLACED) return false;
  out[0] = (p[a] + (p[b] - p[a]) * mix) / UNIT;
  out[1] = (p[a + 1] + (p[b + 1] - p[a + 1]) * mix) / UNIT;
  return true;
}

/** The class of a point by its label; -1 when unknown.
 * @type {(data: MapData, index: number) => number} */
export function trueClass(data, index) {
  return data.labels[index];
}

/** @type {(data: MapData, index: number, frame: number) => number} */
export function predictedClass(data, index, frame) {
  return data.predictions[frame * data.n + index];
}

/** @type {(data: MapData, index: number, frame: number) => number} */
export function confidenceOf(data, index, frame) {
  return data.confidence[frame * data.n + index] / 255;
}

/** How far a point is from where it began, in map units; the map is 2 wide.
 * @type {(data: Pick<MapData, "n" | "positions">, index: number, frame: number) => number} */
export function movedBy(data, index, frame) {
  const p = data.positions;
  const a = 2 * index;
  const b = 2 * (frame * data.n + index);
  if (p[a] === NOT_PLACED || p[b] === NOT_PLACED) return 0;
  return Math.hypot(p[b] - p[a], p[b + 1] - p[a + 1]) / UNIT;
}

/** What the far end of the colour scale means: only one in fifty has moved further, in any epoch.
 * @type {(data: Pick<MapData, "n" | "frames" | "positions">) => number} */
function movedScale(data) {
  const stride = Math.max(1, Math.floor((data.n * data.frames) / 5000));
  const far = new Float32Array(Math.ceil((data.n * data.frames) / stride)); // sorts ten times as fast as a list
  for (let i = 0; i < far.length; i += 1) far[i] = movedBy(data, (i * stride) % data.n, Math.floor((i * stride) / data.n));
  far.sort();
  return Math.max(far[Math.floor(far.length * 0.98)] ?? 0, 0.02);
}

/** The centre of a class in one domain between two frames; null where it has none.
 * @type {(data: MapData, side: number, label: number, from: number, to: number, mix: number) => Place | null} */
export function centreAt(data, side, label, from, to, mix) {
  const classes = data.classNames.length;
  const a = 2 * ((from * 2 + side) * classes + label);
  const b = 2 * ((to * 2 + side) * classes + label);
  const c = data.centres;
  if (c[a] === NOT_PLACED || c[b] === NOT_PLACED) return null;
  return [(c[a] + (c[b] - c[a]) * mix) / UNIT, (c[a + 1] + (c[b + 1] - c[a + 1]) * mix) / UNIT];
}

/** The frame of the epoch nearest to a number; a long run has no picture of every epoch.
 * @type {(data: MapData, epoch: number) => number} */
export function nearestEpoch(data, epoch) {
  const distance = data.epochs.map((number) => Math.abs(number - epoch));
  return distance.indexOf(Math.min(...distance));
}
