// Reads the bytes that pages/parts/canvas.py packs: a length, a JSON header, then the arrays the header lists.

const ARRAYS = { u1: Uint8Array, i2: Int16Array };

export const NOT_PLACED = -32768; // the coordinate of a point without a place in this epoch
export const SCALE = 32767; // coordinates are int16 fractions of 1

export function readHeader(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
}

/** Samples, epochs and names as plain arrays. `frame` counts epochs from 0, `epochs[frame]` is its number in the run. */
export function readData(bytes, header) {
  const start = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const data = { ...header.data };
  for (const { name, type, offset, length } of header.data.arrays) {
    // A copy, because a typed array must start at a multiple of its item size.
    const from = start + offset;
    data[name] = new ARRAYS[type](bytes.slice(from, from + length).buffer);
  }
  data.frames = data.epochs.length;
  return data;
}

/** Writes where point `index` is between two frames into `out`; false if it has no place there. */
export function positionAt(data, index, from, to, mix, out) {
  const a = 2 * (from * data.n + index);
  const b = 2 * (to * data.n + index);
  const p = data.positions;
  if (p[a] === NOT_PLACED || p[b] === NOT_PLACED) return false;
  out[0] = (p[a] + (p[b] - p[a]) * mix) / SCALE;
  out[1] = (p[a + 1] + (p[b + 1] - p[a + 1]) * mix) / SCALE;
  return true;
}

/** The class of a point by its label, or by its prediction in a frame; -1 when unknown. */
export function trueClass(data, index) {
  return data.labels[index];
}

export function predictedClass(data, index, frame) {
  return data.predictions[frame * data.n + index];
}

export function confidenceOf(data, index, frame) {
  return data.confidence[frame * data.n + index] / 255;
}

/** Median place of each class among source points: [{class, x, y}], the anchor of its direct label. */
export function classCentres(data, frame) {
  const places = new Map();
  const at = [0, 0];
  for (let index = 0; index < data.n; index += 1) {
    const label = data.labels[index];
    if (data.domain[index] !== 0 || label < 0 || !positionAt(data, index, frame, frame, 0, at)) continue;
    if (!places.has(label)) places.set(label, [[], []]);
    places.get(label)[0].push(at[0]);
    places.get(label)[1].push(at[1]);
  }
  return [...places].map(([label, [xs, ys]]) => ({ class: label, x: median(xs), y: median(ys) }));
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
