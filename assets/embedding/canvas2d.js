// The same picture without WebGL2. Slower, and as complete.

import { regionPixels } from "./decision-regions.js";
import { context2d } from "./dom.js";
import { drawLabel, measureLabels, placeLabels } from "./labels.js";
import { paintOutlines } from "./overlay.js";
import { BYTES_PER_STYLE, FILLED, RING, TRIANGLE, css } from "./palette.js";
import { positionAt } from "./payload.js";
import { scaleOf, toPixel } from "./view.js";

/** @import { Pen } from "./overlay.js" */
/** @import { PaneScene, Renderer } from "./pane.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Style } from "./style-cache.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Box, Place, View } from "./view.js" */

/** @implements {Renderer} */
export class Canvas2DRenderer {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.name = "canvas2d";
    this.dressed = true;
    this.canvas = canvas;
    this.context = context2d(canvas);
    /** By frame and theme. @type {Map<string, OffscreenCanvas>} */
    this.grounds = new Map();
  }

  setData() {
    this.grounds.clear();
  }

  /** Draws a pane as large as the canvas; `looks` are those of the blend's two frames.
   * @type {(scene: PaneScene, blend: Blend, looks: [from: Style, to: Style]) => void} */
  draw(scene, blend, looks) {
    const { context } = this;
    const { data, view, theme, radius, dpr, box } = scene;
    const { from, to, mix } = blend;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = css(theme.background);
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    if (data.grid) this.ground(data, view, theme, box, mix < 0.5 ? from : to);
    const style = looks[mix < 0.5 ? 0 : 1].bytes;
    /** @type {Place} */
    const at = [0, 0];
    for (let index = 0; index < data.n; index += 1) {
      if (!positionAt(data, index, from, to, mix, at)) continue;
      const s = index * BYTES_PER_STYLE;
      const fill = style[s + 5];
      context.globalAlpha = style[s + 3] / 255;
      drawMark(context, ...toPixel(view, box, ...at), (radius * style[s + 6]) / 128, style[s + 4], fill,
        `rgb(${style[s]} ${style[s + 1]} ${style[s + 2]})`, css(theme.background, fill === RING ? 0.35 : 0.75));
    }
    context.globalAlpha = 1;
    if (scene.show.contours) paintOutlines(context, scene, box, blend);
    const measured = measureLabels(context, data, theme.font);
    for (const { class: label, x, y } of placeLabels(data, box, view, blend, scene.onlyClass, measured)) {
      drawLabel(context, measured[label], label, x, y, theme);
    }
  }

  /** @type {(data: MapData, view: View, theme: Theme, box: Box, frame: number) => void} */
  ground(data, view, theme, box, frame) {
    const { grounds } = this;
    const name = `${frame} ${theme.background}`;
    let picture = grounds.get(name);
    if (!picture) {
      picture = new OffscreenCanvas(data.grid, data.grid);
      picture.getContext("2d")?.putImageData(new ImageData(regionPixels(data, frame, theme), data.grid), 0, 0);
      grounds.set(name, picture);
    }
    const [x, y] = toPixel(view, box, -1, -1);
    const side = 2 * scaleOf(view, box);
    this.context.save();
    this.context.translate(x, y);
    this.context.scale(1, -1); // the grid's first row is its lowest
    this.context.drawImage(picture, 0, 0, side, side);
    this.context.restore();
  }
}

/** One point's mark, on a canvas or in an SVG.
 * @type {(context: Pen, x: number, y: number, radius: number, shape: number, fill: number, colour: string, background: string) => void} */
export function drawMark(context, x, y, radius, shape, fill, colour, background) {
  context.beginPath();
  if (shape === TRIANGLE) {
    const r = radius * 0.98;
    context.moveTo(x, y - 1.1 * r);
    context.lineTo(x + r, y + 0.65 * r);
    context.lineTo(x - r, y + 0.65 * r);
    context.closePath();
  } else {
    context.arc(x, y, fill === FILLED ? radius : radius - 0.5, 0, 2 * Math.PI);
  }
  context.fillStyle = fill === FILLED ? colour : background;
  context.fill();
  context.strokeStyle = fill === FILLED ? background : colour;
  context.lineWidth = fill === RING ? 1.9 : fill === FILLED ? 0.8 : 1.45;
  context.stroke();
}
