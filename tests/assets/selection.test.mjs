import assert from "node:assert/strict";
import { test } from "node:test";

import { combine, decodeSelection, encodeSelection, isInside, nearest, pointsInside } from "../../assets/embedding/selection.js";
import { mapOf, still } from "./data.mjs";

const all = () => true;

test("a selection survives its text, whichever way it is written", () => {
  for (const indices of [[], [0], [7], [8], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 19999], Array.from({ length: 5000 }, (_, i) => 3 * i)]) {
    const text = encodeSelection(indices, 20000);
    assert.deepEqual(decodeSelection(text, 20000), indices);
    assert.match(text, /^([bi][\w.-]+)?$/, "fit for a link");
  }
  assert.equal(encodeSelection([3, 19999], 20000)[0], "i");
  assert.ok(encodeSelection(Array.from({ length: 20000 }, (_, i) => i), 20000).length < 3400);
});

test("a text that makes no sense selects nothing, and nothing beyond the samples", () => {
  for (const text of ["", "x", "i", "i..", "i-1", "b", "b*", "iZZ", "<b>"]) assert.deepEqual(decodeSelection(text, 10), []);
  assert.deepEqual(decodeSelection("i5.a", 10), [5]);
});

test("inside a concave polygon is inside", () => {
  const letterC = [[0, 0], [4, 0], [4, 1], [1, 1], [1, 3], [4, 3], [4, 4], [0, 4]];
  assert.ok(isInside(letterC, 0.5, 2));
  assert.ok(!isInside(letterC, 3, 2));
  assert.ok(isInside(letterC, 3, 3.5));
});

test("a lasso takes exactly the shown points inside, where they are at that epoch", () => {
  const data = mapOf([[[0, 0], [0.5, 0.5], [0.9, 0.9], null], [[0.9, 0], [0.5, 0.5], [0.1, 0.1], [0.2, 0.2]]]);
  const square = [[-0.1, -0.1], [0.6, -0.1], [0.6, 0.6], [-0.1, 0.6]];
  assert.deepEqual(pointsInside(data, still(0), square, all), [0, 1]);
  assert.deepEqual(pointsInside(data, still(1), square, all), [1, 2, 3]);
  assert.deepEqual(pointsInside(data, still(1), square, (index) => index !== 2), [1, 3]);
});

test("the nearest point within reach is picked", () => {
  const data = mapOf([[[0, 0], [0.1, 0], [-0.9, 0.9]]]);
  const box = { width: 200, height: 200 };
  const view = { x: 0, y: 0, zoom: 1 };
  assert.equal(nearest(data, box, view, still(0), 101, 100, 14, all), 0);
  assert.equal(nearest(data, box, view, still(0), 108, 100, 14, all), 1);
  assert.equal(nearest(data, box, view, still(0), 108, 100, 14, (index) => index !== 1), 0);
  assert.equal(nearest(data, box, view, still(0), 150, 150, 14, all), -1);
});

test("choices replace, add and remove, in rising order", () => {
  assert.deepEqual(combine([1, 5], [3, 5], "replace"), [3, 5]);
  assert.deepEqual(combine([1, 5], [3, 5], "add"), [1, 3, 5]);
  assert.deepEqual(combine([1, 5], [3, 5], "remove"), [1]);
});
