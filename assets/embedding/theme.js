// The colours and the font of the app's theme, which everything that is drawn reads.

import { context2d } from "./dom.js";

/** @typedef {[red: number, green: number, blue: number]} Colour */
/** @typedef {{ text: Colour, background: Colour, muted: Colour, font: string, reads: string }} Theme */

/** Text, background and muted colours of the app's theme as [r, g, b], and its font; `known` itself if nothing has changed.
 * @type {(element: Element, known?: Theme) => Theme} */
export function readTheme(element, known) {
  const style = getComputedStyle(element);
  const names = ["--st-text-color", "--st-background-color"].map((name) => style.getPropertyValue(name).trim());
  const reads = [...names, style.fontFamily].join();
  if (reads === known?.reads) return known;
  const text = parseColour(names[0] || "#31333f");
  const background = parseColour(names[1] || "#ffffff");
  const muted = channels((i) => Math.round(text[i] * 0.38 + background[i] * 0.62));
  return { text, background, muted, font: style.fontFamily, reads };
}

/** A CSS colour as [r, g, b].
 * @type {(colour: string) => Colour} */
export function parseColour(colour) {
  // Streamlit's themes use these two; a canvas takes 15 ms on a page just opened.
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour)?.[1];
  if (hex) return channels((i) => parseInt(hex.length === 6 ? hex.slice(2 * i, 2 * i + 2) : hex[i] + hex[i], 16));
  const whole = /^rgb\((\d+), ?(\d+), ?(\d+)\)$/.exec(colour);
  if (whole) return channels((i) => Number(whole[i + 1]));
  // Not on the GPU: reading from there waits until it has drawn everything that it was asked for.
  const context = context2d(document.createElement("canvas"), { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const { data } = context.getImageData(0, 0, 1, 1);
  return channels((i) => data[i]);
}

/** The same from 0 to 1, as WebGL counts.
 * @type {(colour: Colour) => Colour} */
export function unit(colour) {
  return channels((i) => colour[i] / 255);
}

/** The colour whose red, green and blue `value` gives for 0, 1 and 2.
 * @type {(value: (channel: number) => number) => Colour} */
export function channels(value) {
  return [value(0), value(1), value(2)];
}
