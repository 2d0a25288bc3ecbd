// The same picture without WebGL2. Slower, and as complete.

import { BYTES_PER_STYLE, FILLED, RING, TRIANGLE } from "./palette.js";
import { positionAt } from "./payload.js";

export class Canvas2DRenderer {
  constructor(canvas) {
    this.name = "canvas2d";
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  setData(data) {
    this.data = data;
  }

  restore() {}

  begin(theme) {
    this.background = theme.background;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.fillStyle = `rgb(${theme.background.join(" ")})`;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(pane, view, scale, radius, dpr, from, to, mix) {
    const { context, data } = this;
    const [red, green, blue] = this.background;
    const at = [0, 0];
    const style = mix < 0.5 ? from.style.bytes : to.style.bytes;
    context.save();
    context.setTransform(dpr, 0, 0, dpr, pane.x * dpr, pane.y * dpr);
    context.beginPath();
    context.rect(0, 0, pane.width, pane.height);
    context.clip();
    for (let index = 0; index < data.n; index += 1) {
      if (!positionAt(data, index, from.frame, to.frame, mix, at)) continue;
      const s = index * BYTES_PER_STYLE;
      const x = pane.width / 2 + (at[0] - view.x) * scale;
      const y = pane.height / 2 - (at[1] - view.y) * scale;
      const fill = style[s + 5];
      context.globalAlpha = style[s + 3] / 255;
      drawMark(context, x, y, (radius * style[s + 6]) / 128, style[s + 4], fill,
        `rgb(${style[s]} ${style[s + 1]} ${style[s + 2]})`, `rgb(${red} ${green} ${blue} / ${fill === RING ? 0.35 : 0.75})`);
    }
    context.restore();
  }

  dispose() {}
}

function drawMark(context, x, y, radius, shape, fill, colour, background) {
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
