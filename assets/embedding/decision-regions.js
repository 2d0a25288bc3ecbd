// The plane under the points of two-dimensional inputs: which class the network would say, paler where it is less sure.

import { classColour, rgb } from "./palette.js";

/** @import { MapData } from "./payload.js" */
/** @import { Theme } from "./theme.js" */

const STRENGTH = 0.42; // of the class's colour where the network is certain

/** RGBA of a G×G grid, first row at the bottom.
 * @type {(data: MapData, frame: number, theme: Theme) => Uint8ClampedArray<ArrayBuffer>} */
export function regionPixels(data, frame, theme) {
  const { grid, groundClasses, groundConfidence } = data;
  const size = grid ** 2;
  const colours = data.classNames.map((_, label) => rgb(classColour(label)));
  const unsure = 1 / data.classNames.length;
  const pixels = new Uint8ClampedArray(4 * size);
  if (!groundClasses || !groundConfidence) return pixels;
  for (let i = 0; i < size; i += 1) {
    const sure = Math.max((groundConfidence[frame * size + i] / 255 - unsure) / (1 - unsure), 0);
    const share = STRENGTH * (0.25 + 0.75 * sure);
    const colour = colours[groundClasses[frame * size + i]] ?? theme.muted;
    for (let c = 0; c < 3; c += 1) pixels[4 * i + c] = colour[c] * share + theme.background[c] * (1 - share);
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}
