// Direct labels at class centres, which avoid each other.

import { classColour, css } from "./palette.js";
import { centreAt } from "./payload.js";
import { toPixel } from "./view.js";

/** @import { Pen } from "./overlay.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Box, View } from "./view.js" */

/** @typedef {{ text: string, width: number }} Label what fits, and its width in pixels */
/** @typedef {{ x: number, y: number, width: number }} Spot a label's middle */

export const LABEL_HEIGHT = 18;
const LONGEST = 140; // pixels
const FONT = "600 12px";

/** Width of every class's label and the text that fits into it.
 * @type {(context: CanvasRenderingContext2D, data: MapData, family: string) => Label[]} */
export function measureLabels(context, data, family) {
  context.font = `${FONT} ${family}`;
  return data.classNames.map((name) => {
    let text = name;
    while (text.length > 1 && context.measureText(text).width > LONGEST) text = `${text.slice(0, -2)}…`;
    return { text, width: Math.ceil(context.measureText(text).width) + 12 };
  });
}

/** Where labels go, by their middles in pixels. At the source's centre, else the target's.
 * @type {(data: MapData, box: Box, view: View, blend: Blend, onlyClass: number | undefined, measured: Label[])
 *   => (Spot & { class: number })[]} */
export function placeLabels(data, box, view, blend, onlyClass, measured) {
  const places = [];
  for (let label = 0; label < data.classNames.length; label += 1) {
    if (onlyClass !== undefined && label !== onlyClass) continue;
    const centre = centreAt(data, 0, label, blend.from, blend.to, blend.mix) ?? centreAt(data, 1, label, blend.from, blend.to, blend.mix);
    if (!centre) continue;
    const [x, y] = toPixel(view, box, ...centre);
    if (x >= 0 && y >= 0 && x <= box.width && y <= box.height) places.push({ class: label, x, y, width: measured[label].width });
  }
  return spread(places, box);
}

/** Pushes overlapping labels apart along the shorter way; a few rounds are enough for tens of classes.
 * @type {<T extends Spot>(labels: T[], box: Box) => T[]} */
export function spread(labels, box) {
  for (let round = 0; round < 30; round += 1) {
    let moved = false;
    for (let i = 0; i < labels.length; i += 1) {
      for (let j = i + 1; j < labels.length; j += 1) {
        const [a, b] = [labels[i], labels[j]];
        const overlapX = (a.width + b.width) / 2 + 2 - Math.abs(a.x - b.x);
        const overlapY = LABEL_HEIGHT + 2 - Math.abs(a.y - b.y);
        if (overlapX <= 0 || overlapY <= 0) continue;
        moved = true;
        const axis = overlapX < overlapY ? "x" : "y";
        const push = Math.min(overlapX, overlapY) / 2;
        const [low, high] = a[axis] <= b[axis] ? [a, b] : [b, a];
        low[axis] -= push;
        high[axis] += push;
      }
    }
    for (const label of labels) {
      label.x = Math.min(Math.max(label.x, label.width / 2 + 2), box.width - label.width / 2 - 2);
      label.y = Math.min(Math.max(label.y, LABEL_HEIGHT / 2 + 2), box.height - LABEL_HEIGHT / 2 - 2);
    }
    if (!moved) break;
  }
  return labels;
}

/** One label, its middle at (x, y).
 * @type {(context: Pen, measured: Label, label: number, x: number, y: number, theme: Theme) => void} */
export function drawLabel(context, { text, width }, label, x, y, theme) {
  context.fillStyle = css(theme.background, 0.88);
  context.strokeStyle = classColour(label);
  context.lineWidth = 1.25;
  context.fillRect(x - width / 2 + 0.75, y - LABEL_HEIGHT / 2 + 0.75, width - 1.5, LABEL_HEIGHT - 1.5);
  context.strokeRect(x - width / 2 + 0.75, y - LABEL_HEIGHT / 2 + 0.75, width - 1.5, LABEL_HEIGHT - 1.5);
  Object.assign(context, { font: `${FONT} ${theme.font}`, textAlign: "center", fillStyle: css(theme.text) });
  context.fillText(text, x, y + 4.3);
}
