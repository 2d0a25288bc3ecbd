import assert from "node:assert/strict";
import { test } from "node:test";

import { toCSV, toSVG } from "../../assets/embedding/export.js";
import { strip } from "../../assets/embedding/gllines.js";
import { regionPixels } from "../../assets/embedding/decision-regions.js";
import { LABEL_HEIGHT, spread } from "../../assets/embedding/labels.js";
import { BYTES_PER_STYLE, FILLED, HOLLOW, RING, TRIANGLE, cividis, classColour, isShown, styleFrame, writeStyles } from "../../assets/embedding/palette.js";
import { UNIT } from "../../assets/embedding/payload.js";
import { verdict } from "../../assets/embedding/quality.js";
import { parseColour } from "../../assets/embedding/theme.js";
import { fullView, panBy, toMap, toPixel, zoomAt } from "../../assets/embedding/view.js";
import { mapOf, still } from "./data.mjs";

const light = { text: [0, 0, 0], background: [255, 255, 255], muted: [120, 120, 120], font: "sans-serif" };
const box = { width: 400, height: 300 };

function styles(data, mode, filters = {}, chosen = null) {
  const out = writeStyles(data, 0, mode, filters, chosen, light, new Uint8Array(data.n * BYTES_PER_STYLE));
  return Array.from({ length: data.n }, (_, i) => out.subarray(i * BYTES_PER_STYLE, (i + 1) * BYTES_PER_STYLE));
}

test("source is filled and round, target hollow and a triangle, wrong a ring", () => {
  const data = mapOf([[[0, 0], [0, 0], [0, 0]]], { labels: [0, 1, 1], predictions: [0, 1, 0] });
  const [source, target, wrong] = styles(data, "class");
  assert.deepEqual([source[5], target[4], target[5]], [FILLED, TRIANGLE, HOLLOW]);
  assert.deepEqual([...source.subarray(0, 3)], [0x3f, 0x90, 0xda]);
  const looks = styles(data, "outcome");
  assert.deepEqual([looks[0][5], looks[2][5]], [FILLED, RING]);
  assert.deepEqual([...wrong.subarray(0, 3)], [0xff, 0xa9, 0x0e]);
});

test("what is filtered out is faint, what is not selected fainter than the selection", () => {
  const data = mapOf([[[0, 0], [0, 0], [0, 0]]], { labels: [0, 1, 0] });
  const [a, b, c] = styles(data, "class", { class: 0 }, Uint8Array.of(1, 1, 0)).map((style) => style[3]);
  assert.ok(a === 255 && b < c && c < a);
  assert.ok(isShown(data, 0, 0, { class: 0, domain: 0 }) && !isShown(data, 1, 0, { class: 0 }));
});

test("looks that do not change with the epoch are painted once", () => {
  assert.equal(styleFrame("class", {}, 7), 0);
  assert.equal(styleFrame("confidence", {}, 7), 7);
  assert.equal(styleFrame("class", { predicted: 1 }, 7), 7);
});

test("colours differ for thirty classes, and the scale's ends are apart on either page", () => {
  assert.equal(new Set(Array.from({ length: 30 }, (_, label) => classColour(label))).size, 30);
  for (const theme of [light, { ...light, background: [18, 21, 27] }]) {
    const brightness = [0, 0.5, 1].map((at) => cividis(at, theme).reduce((sum, value) => sum + value));
    assert.ok(brightness[0] < brightness[1] && brightness[1] < brightness[2]);
    assert.ok(Math.abs(brightness[0] - 3 * theme.background[0]) > 100, "the low end is seen on the page");
  }
});

test("a theme's colour is read as it is written, any other one from a canvas", () => {
  assert.deepEqual(parseColour("#1D2129"), [29, 33, 41]);
  assert.deepEqual(parseColour("#fa0"), [255, 170, 0]);
  assert.deepEqual(parseColour("rgb(18, 21, 27)"), [18, 21, 27]);
  const asked = [];
  const context = { set fillStyle(colour) { asked.push(colour); }, fillRect() {}, getImageData: () => ({ data: Uint8ClampedArray.of(1, 2, 3, 255) }) };
  globalThis.document = { createElement: () => ({ getContext: () => context }) };
  const others = ["rebeccapurple", "hsl(210 50% 40%)", "rgb(10% 20% 30%)", "#12345678", "rgba(18, 21, 27, 0.5)"];
  for (const other of others) assert.deepEqual(parseColour(other), [1, 2, 3]);
  assert.deepEqual(asked, others);
});

test("pixels and map units are each other's inverse, and a zoom holds the point under the hand", () => {
  const view = zoomAt(fullView(), box, 120, 80, 3);
  const [x, y] = toMap(view, box, 120, 80);
  const [x0, y0] = toMap(fullView(), box, 120, 80);
  assert.ok(Math.hypot(x - x0, y - y0) < 1e-9);
  const back = toPixel(view, box, x, y);
  assert.ok(Math.hypot(back[0] - 120, back[1] - 80) < 1e-9);
  const far = panBy(view, box, 1e6, 1e6);
  assert.ok(Math.abs(far.x) <= 1 && Math.abs(far.y) <= 1, "the map cannot be lost");
});

test("labels that lay over each other do not any more, and stay inside", () => {
  const labels = spread(Array.from({ length: 5 }, (_, i) => ({ x: 390 + i, y: 10, width: 60 })), box);
  for (const [i, a] of labels.entries()) {
    assert.ok(a.x + 30 <= box.width && a.y - LABEL_HEIGHT / 2 >= 0);
    for (const b of labels.slice(i + 1)) assert.ok(Math.abs(a.x - b.x) >= 59 || Math.abs(a.y - b.y) >= LABEL_HEIGHT - 1);
  }
});

test("a closed outline is one strip whose corners stand across it", () => {
  const ring = Int16Array.from([0, 0, 1, 0, 1, 1, 0, 1, 0, 0].map((value) => value * UNIT));
  const corners = strip([ring]);
  assert.equal(corners.length, 5 * 2 * 6);
  const first = [...corners.subarray(2, 4)];
  const last = [...corners.subarray(8 * 6 + 2, 8 * 6 + 4)];
  assert.deepEqual(first.map((v) => v.toFixed(4)), last.map((v) => v.toFixed(4)), "its ends meet");
  assert.ok(Math.abs(Math.hypot(...first) - 1) < 1e-6);
  assert.ok(Math.abs(corners[8 * 6 + 4] - 4) < 1e-3, "it is four long");
  assert.equal(strip([ring, ring]).length, (2 * 10 + 2) * 6);
});

test("the ground is strong where the network is sure", () => {
  const data = { grid: 2, classNames: ["a", "b"], groundClasses: Uint8Array.of(0, 0, 1, 1), groundConfidence: Uint8Array.of(255, 128, 255, 128) };
  const pixels = regionPixels(data, 0, light);
  assert.ok(pixels[0] < pixels[4], "the first class is blue: less red where it is sure");
  assert.deepEqual([pixels[3], pixels.length], [255, 16]);
});

test("the CSV quotes what a spreadsheet would misread", () => {
  const data = mapOf([[[0.5, -0.25], null]], { labels: [0, -1], classNames: ['=1+"x"', "b,c"], predictions: [1, 1] });
  const [head, first, second] = toCSV(data, [0]).trim().split("\r\n");
  assert.equal(head, "epoch,sample,domain,true_class,predicted_class,confidence,x,y");
  assert.equal(first, `0,0,source,"'=1+""x""","b,c",1.000,0.50003,-0.25002`);
  assert.equal(second, '0,1,target,,"b,c",1.000,,');
});

test("the SVG holds every point, and a class name that is markup as text", () => {
  globalThis.document = { createElement: () => ({ getContext: () => ({ measureText: (text) => ({ width: 7 * text.length }) }) }) };
  const data = mapOf([[[0.5, -0.25], [0, 0]]], { labels: [0, 1], classNames: ["<b>&", "b"] });
  const bytes = writeStyles(data, 0, "class", {}, null, light, new Uint8Array(2 * BYTES_PER_STYLE));
  const scene = { data, view: fullView(), theme: light, radius: 4, show: { contours: true, arrows: true }, trails: [], marked: [], looks: () => ({ bytes }) };
  const svg = toSVG([{ pane: { box }, blend: still(0), title: "before", caption: "AUC 1.00" }], scene);
  assert.match(svg, /^<svg /);
  assert.ok(svg.includes("&lt;b&gt;&amp;") || svg.includes("&lt;b>&amp;"));
  assert.ok(svg.includes("AUC 1.00"));
  assert.equal(svg.split("<g ").length, svg.split("</g>").length);
  assert.ok(svg.includes('fill="rgb(63,144,218)"') && !svg.includes(" / "), "colours that drawing programs know");
});

test("the verdict under a map names what it knows", () => {
  const quality = { trustworthiness: 0.9, purity_map: 0.8, purity_full: 0.85, mixing_map: 0.5, mixing_full: 0.1, warning: "Careful." };
  assert.deepEqual(verdict(quality)[1], "Careful.");
  assert.match(verdict(quality)[0], /0\.90.*0\.80 .*0\.85.*0\.50 .*0\.10/);
  assert.doesNotMatch(verdict({ ...quality, purity_map: null })[0], /purity/);
  assert.deepEqual(verdict(undefined), ["", ""]);
});
