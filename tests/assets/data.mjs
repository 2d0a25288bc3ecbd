// Small maps for the tests of assets/embedding.

import { NOT_PLACED, UNIT } from "../../assets/embedding/payload.js";

/** Frames of [[x, y], …] in map units; null for a point without a place. Even points are source, odd ones target. */
export function mapOf(frames, { labels, predictions, classNames = ["a", "b"] } = {}) {
  const n = frames[0].length;
  const positions = new Int16Array(frames.flatMap((frame) => frame.flatMap((at) => (at ?? [NOT_PLACED / UNIT, 0]).map((v) => Math.round(v * UNIT)))));
  return {
    n, frames: frames.length, positions, classNames, identity: "run-pca-live", since: 0,
    domain: Uint8Array.from({ length: n }, (_, i) => i % 2),
    labels: Int16Array.from(labels ?? Array(n).fill(0)),
    predictions: Uint8Array.from(predictions ?? Array(n * frames.length).fill(0)),
    confidence: new Uint8Array(n * frames.length).fill(255),
    centres: new Int16Array(frames.length * 2 * classNames.length * 2),
    epochs: frames.map((_, i) => i), titles: frames.map((_, i) => `epoch ${i}`), captions: frames.map(() => ""), outlines: frames.map(() => [[], []]),
    moved: 1, grid: 0, judged: true, note: "",
  };
}

export const still = (frame) => ({ from: frame, to: frame, mix: 0 });
