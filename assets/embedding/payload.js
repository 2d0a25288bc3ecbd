// Reads the bytes that core/maps/packing.py packs: a length, a JSON header, then the arrays the header lists.

const ARRAYS = { u1: Uint8Array, i2: Int16Array };

export const NOT_PLACED = -32768; // the coordinate of a point without a place in this epoch
export const UNIT = 16383; // int16 steps of one map unit

/** The epochs of one answer: the header's fields, and its arrays with their differences summed up. */
export function decode(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const part = { ...header, frames: header.epochs.length };
  for (const { name, type, offset, length: size } of header.arrays) {
    const from = 4 + length + offset;
    // Typed arrays start at multiples of their item: larger ones are copied.
    part[name] = type === "u1" ? bytes.subarray(from, from + size) : new ARRAYS[type](bytes.slice(from, from + size).buffer);
  }
  delete part.arrays;
  part.positions = joined(part.positions, 2 * part.n);
  part.predictions = summed(part.predictions, part.n);
  part.confidence = summed(part.confidence, part.n);
  part.outlines = cutOutlines(part.outlines, part.outlineLengths);
  if (part.grid) {
    part.groundClasses = summed(part.groundClasses, part.grid ** 2);
    part.groundConfidence = summed(part.groundConfidence, part.grid ** 2);
  }
  return part;
}

const GROWING = ["positions", "predictions", "confidence", "centres", "groundClasses", "groundConfidence"];
const LISTS = ["epochs", "titles", "captions", "outlines"];

/** What the browser holds with the new epochs behind it; null when they do not follow on each other. */
export function merge(held, part) {
  if (part.since === 0) return { ...part, moved: movedScale(part) };
  if (!held || held.identity !== part.identity || held.frames !== part.since) return null;
  const data = { ...held, ...part, domain: held.domain, labels: held.labels, frames: held.frames + part.frames };
  for (const name of GROWING) {
    if (!part[name]) continue;
    data[name] = new held[name].constructor(held[name].length + part[name].length);
    data[name].set(held[name]);
    data[name].set(part[name], held[name].length);
  }
  for (const name of LISTS) data[name] = [...held[name], ...part[name]];
  data.moved = movedScale(data);
  return data;
}

// Each epoch is the difference to the one before; typed arrays wrap as the packing did.
// The low bytes of all numbers come first, then the high ones. In one pass, because the first draw waits for it.
function joined(bytes, size) {
  const count = bytes.length / 2;
  const whole = new Int16Array(count);
  for (let i = 0; i < count; i += 1) {
    const step = bytes[i] | (bytes[count + i] << 8);
    whole[i] = i < size ? step : whole[i - size] + step;
  }
  return whole;
}

function summed(values, size) {
  for (let i = size; i < values.length; i += 1) values[i] += values[i - size];
  return values;
}

function cutOutlines(flat, lengths) {
  let at = 0;
  return lengths.map((epoch) => epoch.map((rings) => rings.map((points) => flat.subarray(2 * at, 2 * (at += points)))));
}

/** Writes where point `index` is between two frames into `out`; false if it has no place there. */
export function positionAt(data, index, from, to, mix, out) {
  const a = 2 * (from * data.n + index);
  const b = 2 * (to * data.n + index);
  const p = data.positions;
  if (p[a] === NOT_PLACED || p[b] === NOT_PLACED) return false;
  out[0] = (p[a] + (p[b] - p[a]) * mix) / UNIT;
  out[1] = (p[a + 1] + (p[b + 1] - p[a + 1]) * mix) / UNIT;
  return true;
}

/** The class of a point by its label; -1 when unknown. */
export function trueClass(data, index) {
  return data.labels[index];
}

export function predictedClass(data, index, frame) {
  return data.predictions[frame * data.n + index];
}

export function confidenceOf(data, index, frame) {
  return data.confidence[frame * data.n + index] / 255;
}

/** How far a point is from where it began, in map units; the map is 2 wide. */
export function movedBy(data, index, frame) {
  const p = data.positions;
  const a = 2 * index;
  const b = 2 * (frame * data.n + index);
  if (p[a] === NOT_PLACED || p[b] === NOT_PLACED) return 0;
  return Math.hypot(p[b] - p[a], p[b + 1] - p[a + 1]) / UNIT;
}

// What the far end of the colour scale means: only one in fifty has moved further, in any epoch.
function movedScale(data) {
  const stride = Math.max(1, Math.floor((data.n * data.frames) / 5000));
  const far = new Float32Array(Math.ceil((data.n * data.frames) / stride)); // sorts ten times as fast as a list
  for (let i = 0; i < far.length; i += 1) far[i] = movedBy(data, (i * stride) % data.n, Math.floor((i * stride) / data.n));
  far.sort();
  return Math.max(far[Math.floor(far.length * 0.98)] ?? 0, 0.02);
}

/** The centre of a class in one domain between two frames; null where it has none. */
export function centreAt(data, side, label, from, to, mix) {
  const classes = data.classNames.length;
  const a = 2 * ((from * 2 + side) * classes + label);
  const b = 2 * ((to * 2 + side) * classes + label);
  const c = data.centres;
  if (c[a] === NOT_PLACED || c[b] === NOT_PLACED) return null;
  return [(c[a] + (c[b] - c[a]) * mix) / UNIT, (c[a + 1] + (c[b + 1] - c[a + 1]) * mix) / UNIT];
}

/** The frame of the epoch nearest to a number; a long run has no picture of every epoch. */
export function nearestEpoch(data, epoch) {
  const distance = data.epochs.map((number) => Math.abs(number - epoch));
  return distance.indexOf(Math.min(...distance));
}
