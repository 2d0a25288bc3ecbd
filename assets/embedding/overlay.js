// What lies over the points: class labels, the highlighted point and the path of the pinned one.
// Labels are HTML, moved by transforms: redrawing a canvas of text in every frame halves the frame rate without a GPU.

import { classColour } from "./palette.js";
import { classCentres, positionAt } from "./payload.js";
import { scaleOf, toPixel } from "./view.js";

const LABEL_HEIGHT = 18; // as in embedding.css

export class Overlay {
  constructor(canvas, labels) {
    this.canvas = canvas;
    this.layer = labels;
    this.nodes = new Map(); // pane and class -> its label
    this.context = canvas.getContext("2d");
    this.centres = new Map(); // frame -> class centres
  }

  setData(data) {
    const renamed = this.data?.classNames.join("\n") !== data.classNames.join("\n");
    this.data = data;
    this.centres.clear();
    if (renamed) this.clear();
  }

  /** Takes all labels away; the next frame makes those that it needs. */
  clear() {
    this.layer.replaceChildren();
    this.nodes.clear();
  }

  /** `empty` when nothing will be marked: a hidden canvas costs nothing. */
  begin(dpr, empty) {
    this.dpr = dpr;
    this.canvas.hidden = empty;
    if (empty) return;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  inPane(pane, paint) {
    this.context.save();
    this.context.setTransform(this.dpr, 0, 0, this.dpr, pane.x * this.dpr, pane.y * this.dpr);
    this.context.beginPath();
    this.context.rect(0, 0, pane.width, pane.height);
    this.context.clip();
    paint(this.context);
    this.context.restore();
  }

  centresAt(frame) {
    if (!this.centres.has(frame)) this.centres.set(frame, classCentres(this.data, frame));
    return this.centres.get(frame);
  }

  labels(pane, slot, view, blend, onlyClass) {
    const after = new Map(this.centresAt(blend.to).map((centre) => [centre.class, centre]));
    const labels = [];
    for (const centre of this.centresAt(blend.from)) {
      const next = after.get(centre.class);
      if (!next || (onlyClass !== undefined && centre.class !== onlyClass)) continue;
      const x = centre.x + (next.x - centre.x) * blend.mix;
      const y = centre.y + (next.y - centre.y) * blend.mix;
      const [px, py] = toPixel(view, pane, x, y);
      if (px < 0 || py < 0 || px > pane.width || py > pane.height) continue;
      const node = this.node(slot, centre.class);
      labels.push({ x: px, y: py, node, width: node.width });
    }
    spread(labels, pane);
    for (const [name, node] of this.nodes) if (name.startsWith(`${slot}:`)) node.used = false;
    for (const { x, y, node, width } of labels) {
      node.used = true;
      node.element.style.transform = `translate(${(pane.x + x - width / 2).toFixed(1)}px, ${(pane.y + y - LABEL_HEIGHT / 2).toFixed(1)}px)`;
    }
    for (const node of this.nodes.values()) node.element.hidden = !node.used;
  }

  node(slot, label) {
    const name = `${slot}:${label}`;
    if (!this.nodes.has(name)) {
      const element = document.createElement("span");
      element.textContent = this.data.classNames[label] ?? String(label);
      element.style.borderColor = classColour(label);
      this.layer.append(element);
      this.nodes.set(name, { element, width: element.offsetWidth, used: true });
    }
    return this.nodes.get(name);
  }

  /** A ring around one point; `strong` when it is pinned. */
  mark(pane, view, blend, index, radius, theme, strong) {
    const at = [0, 0];
    if (!positionAt(this.data, index, blend.from, blend.to, blend.mix, at)) return;
    const [x, y] = toPixel(view, pane, ...at);
    this.inPane(pane, (context) => {
      for (const [colour, width] of [[theme.background, 4.5], [theme.text, strong ? 2.5 : 1.75]]) {
        context.beginPath();
        context.arc(x, y, radius + 5, 0, 2 * Math.PI);
        context.lineWidth = width;
        context.strokeStyle = `rgb(${colour.join(" ")})`;
        context.stroke();
      }
    });
  }

  /** Where a point has been, from the first epoch to the one shown. */
  trail(pane, view, at, index, theme) {
    const last = Math.min(Math.ceil(at), this.data.frames - 1);
    const place = [0, 0];
    this.inPane(pane, (context) => {
      context.beginPath();
      for (let frame = 0; frame <= last; frame += 1) {
        const from = frame === last ? Math.floor(at) : frame;
        const mix = frame === last ? at - Math.floor(at) : 0;
        if (!positionAt(this.data, index, from, frame === last ? last : frame, mix, place)) continue;
        context.lineTo(...toPixel(view, pane, ...place));
      }
      context.lineJoin = "round";
      context.lineWidth = 1.5;
      context.strokeStyle = `rgb(${theme.text.join(" ")} / 0.75)`;
      context.stroke();
    });
  }
}

/** The shown point nearest to a pixel, or -1. */
export function nearest(data, pane, view, blend, px, py, reach, shown) {
  const scale = scaleOf(view, pane);
  const at = [0, 0];
  let best = -1;
  let least = reach * reach;
  for (let index = 0; index < data.n; index += 1) {
    if (!positionAt(data, index, blend.from, blend.to, blend.mix, at)) continue;
    const dx = pane.width / 2 + (at[0] - view.x) * scale - px;
    const dy = pane.height / 2 - (at[1] - view.y) * scale - py;
    const distance = dx * dx + dy * dy;
    if (distance < least && shown(index)) {
      least = distance;
      best = index;
    }
  }
  return best;
}

// Pushes overlapping labels apart along the shorter way; a few rounds are enough for tens of classes.
function spread(labels, pane) {
  for (let round = 0; round < 12; round += 1) {
    for (let i = 0; i < labels.length; i += 1) {
      for (let j = i + 1; j < labels.length; j += 1) {
        const [a, b] = [labels[i], labels[j]];
        const overlapX = (a.width + b.width) / 2 + 2 - Math.abs(a.x - b.x);
        const overlapY = LABEL_HEIGHT + 2 - Math.abs(a.y - b.y);
        if (overlapX <= 0 || overlapY <= 0) continue;
        const axis = overlapX < overlapY ? "x" : "y";
        const push = Math.min(overlapX, overlapY) / 2;
        const [low, high] = a[axis] <= b[axis] ? [a, b] : [b, a];
        low[axis] -= push;
        high[axis] += push;
      }
    }
  }
  for (const label of labels) {
    label.x = Math.min(Math.max(label.x, label.width / 2 + 2), pane.width - label.width / 2 - 2);
    label.y = Math.min(Math.max(label.y, LABEL_HEIGHT / 2 + 2), pane.height - LABEL_HEIGHT / 2 - 2);
  }
}
