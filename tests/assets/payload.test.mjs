import assert from "node:assert/strict";
import { test } from "node:test";

import { centreAt, decode, merge, movedBy, positionAt } from "../../assets/embedding/payload.js";
import { mapOf, still } from "./data.mjs";

/** Bytes as core/maps/data.py packs them, of two epochs of two points. */
function packed(since, epochs, absolute) {
  const parts = [];
  const arrays = [];
  const add = (name, type, bytes) => {
    arrays.push({ name, type, offset: parts.flat().length, length: bytes.length });
    parts.push([...bytes]);
  };
  const int16 = (values) => [...new Uint8Array(new Int16Array(values).buffer)];
  const size = absolute[0].length;
  const steps = absolute.flatMap((frame, k) => frame.map((value, i) => (k ? value - absolute[k - 1][i] : value)));
  const bytes = int16(steps);
  add("positions", "u1", [...bytes.filter((_, i) => i % 2 === 0), ...bytes.filter((_, i) => i % 2 === 1)]);
  add("predictions", "u1", absolute.flatMap((_, k) => (k ? [255, 1] : [3, 4]))); // −1 and +1, modulo 256
  add("confidence", "u1", absolute.flatMap(() => [0, 0]));
  add("centres", "i2", int16(absolute.flatMap(() => Array(8).fill(0))));
  add("outlines", "i2", int16(absolute.flatMap(() => [1, 2, 3, 4])));
  if (since === 0) { add("domain", "u1", [0, 1]); add("labels", "i2", int16([0, -1])); }
  const header = { identity: "r-pca-live", version: `v${since}`, n: size / 2, since, epochs, titles: epochs.map(String), captions: epochs.map(String),
    classNames: ["a", "b"], outlineLengths: absolute.map(() => [[2], []]), grid: 0, note: "", sheet: null, rows: null, arrays };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(4 + text.length + parts.flat().length);
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 4);
  out.set(parts.flat(), 4 + text.length);
  return out;
}

test("differences are summed up, over the limits of their types", () => {
  const part = decode(packed(0, [0, 1], [[30000, -30000, 5, 6], [-30000, 30000, 5, -32768]]));
  assert.deepEqual([...part.positions], [30000, -30000, 5, 6, -30000, 30000, 5, -32768]);
  assert.deepEqual([...part.predictions], [3, 4, 2, 5]);
  assert.deepEqual([...part.labels], [0, -1]);
  assert.deepEqual(part.outlines.map((epoch) => epoch.map((rings) => rings.map((ring) => [...ring]))), [[[[1, 2, 3, 4]], []], [[[1, 2, 3, 4]], []]]);
});

test("new epochs go behind those that are held, others are refused", () => {
  const held = merge(null, decode(packed(0, [0], [[1, 2, 3, 4]])));
  const more = decode(packed(1, [5], [[9, 9, 9, 9]]));
  const both = merge(held, more);
  assert.equal(both.frames, 2);
  assert.deepEqual(both.epochs, [0, 5]);
  assert.deepEqual([...both.positions], [1, 2, 3, 4, 9, 9, 9, 9]);
  assert.deepEqual([...both.domain], [0, 1], "what does not change with the epochs is kept");
  assert.equal(both.version, "v1");
  assert.equal(merge(held, { ...more, identity: "another" }), null);
  assert.equal(merge(held, { ...more, since: 2 }), null);
  assert.equal(merge(null, more), null);
});

test("the far end of the scale is what one point in fifty goes beyond", () => {
  const far = Array.from({ length: 100 }, (_, i) => [0.005 * ((37 * i) % 100), 0]); // in no order
  const frames = [far.map(() => [0, 0]), far];
  const { positions } = mapOf(frames);
  const part = { ...mapOf(frames), since: 0, positions };
  const distances = [...far.map(() => 0), ...far.map(([x]) => x)].sort((a, b) => a - b);
  assert.ok(Math.abs(merge(null, part).moved - distances[196]) < 1e-3);
  assert.equal(merge(null, { ...mapOf([[[0, 0]]]), since: 0 }).moved, 0.02, "what does not move has a scale, too");
});

test("a point is between its frames, and nowhere without a place", () => {
  const data = mapOf([[[0, 0], [1, 1]], [[1, -1], null]]);
  const at = [0, 0];
  assert.ok(positionAt(data, 0, 0, 1, 0.25, at));
  assert.ok(Math.abs(at[0] - 0.25) < 1e-3 && Math.abs(at[1] + 0.25) < 1e-3);
  assert.equal(positionAt(data, 1, 0, 1, 0.25, at), false);
  assert.ok(positionAt(data, 1, still(0).from, 0, 0, at));
  assert.ok(Math.abs(movedBy(data, 0, 1) - Math.SQRT2) < 1e-3);
  assert.equal(movedBy(data, 1, 1), 0);
});

test("a centre that a class does not have is null", () => {
  const data = mapOf([[[0, 0]], [[0, 0]]]);
  data.centres.fill(-32768, 2, 4);
  assert.deepEqual(centreAt(data, 0, 0, 0, 1, 0.5), [0, 0]);
  assert.equal(centreAt(data, 0, 1, 0, 1, 0.5), null);
});
