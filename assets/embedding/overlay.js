// What is drawn over the map: arrows between class centres, trails, marked points, the lasso; and the outlines where there is no WebGL.
// All functions take any object with the methods of a 2-D context, so that the SVG export draws the same things.

import { LABEL_HEIGHT } from "./labels.js";
import { classColour, css } from "./palette.js";
import { UNIT, centreAt, positionAt } from "./payload.js";
import { toPixel } from "./view.js";

export const LONGEST_TRAILS = 60; // points whose trails are drawn
const DASHES = [[], [5, 3], [2, 3]]; // source, target, domain classifier

/** Is there anything to paint? A hidden canvas costs nothing. */
export function isEmpty(scene) {
  return !scene.show.arrows && scene.trails.length === 0 && scene.marked.length === 0 && !scene.path;
}

/** Everything of a pane; `scene` is described in pane.js. */
export function paint(context, scene, box, blend) {
  if (scene.show.arrows) paintArrows(context, scene, box, blend);
  paintTrails(context, scene, box, blend);
  for (const { index, strong } of scene.marked) paintMark(context, scene, box, blend, index, strong);
  if (scene.path) paintPath(context, scene);
}

// Regions can't be blended when their number changes: one frame's fade out while the next one's fade in.
export function paintOutlines(context, { data, view, theme }, box, { from, to, mix }) {
  for (const [frame, share] of mix === 0 ? [[from, 1]] : [[from, 1 - mix], [to, mix]]) {
    data.outlines[frame].forEach((rings, kind) => {
      context.setLineDash(DASHES[kind]);
      for (const ring of rings) {
        context.beginPath();
        for (let i = 0; i < ring.length; i += 2) context.lineTo(...toPixel(view, box, ring[i] / UNIT, ring[i + 1] / UNIT));
        if (kind < 2) context.closePath();
        context.lineWidth = kind < 2 ? 1.6 : 2;
        context.strokeStyle = css(theme.text, 0.8 * share);
        context.stroke();
      }
    });
  }
  context.setLineDash([]);
}

/** From each class's centre in the source to its centre in the target: what adaptation still has to close. */
function paintArrows(context, { data, view, theme, onlyClass }, box, { from, to, mix }) {
  for (let label = 0; label < data.classNames.length; label += 1) {
    if (onlyClass !== undefined && label !== onlyClass) continue;
    const ends = [0, 1].map((side) => centreAt(data, side, label, from, to, mix));
    if (!ends[0] || !ends[1]) continue;
    const [[cx, cy], [bx, by]] = ends.map((end) => toPixel(view, box, ...end));
    const whole = Math.hypot(bx - cx, by - cy);
    const [ux, uy] = [(bx - cx) / whole, (by - cy) / whole];
    // It begins at the edge of the label that stands at the centre, and is left out where nothing would be left of it.
    const skip = Math.min(LABEL_HEIGHT / 2 / Math.abs(uy), (12 + 7 * data.classNames[label].length) / 2 / Math.abs(ux)) + 1;
    const length = whole - skip;
    if (!(length > 5)) continue;
    const [ax, ay] = [cx + skip * ux, cy + skip * uy];
    const head = Math.min(9, length);
    const [px, py] = [bx - head * ux, by - head * uy]; // the foot of the head
    for (const [colour, extra] of [[css(theme.background, 0.9), 2.5], [classColour(label), 0]]) {
      context.strokeStyle = context.fillStyle = colour;
      context.lineWidth = 2.2 + extra;
      context.beginPath();
      context.moveTo(ax, ay);
      context.lineTo(px, py);
      context.stroke();
      context.beginPath();
      context.moveTo(bx, by);
      context.lineTo(px - 0.5 * head * uy, py + 0.5 * head * ux);
      context.lineTo(px + 0.5 * head * uy, py - 0.5 * head * ux);
      context.closePath();
      context.fill();
      if (extra) context.stroke();
    }
  }
}

/** Where points have been, from the first epoch to the one shown. */
function paintTrails(context, { data, view, theme, trails }, box, { from, to, mix }) {
  const place = [0, 0];
  context.lineJoin = "round";
  context.lineWidth = trails.length > 8 ? 1 : 1.5;
  context.strokeStyle = css(theme.text, trails.length > 8 ? 0.45 : 0.75);
  for (const index of trails) {
    context.beginPath();
    for (let frame = 0; frame <= from; frame += 1) {
      if (positionAt(data, index, frame, frame, 0, place)) context.lineTo(...toPixel(view, box, ...place));
    }
    if (mix > 0 && positionAt(data, index, from, to, mix, place)) context.lineTo(...toPixel(view, box, ...place));
    context.stroke();
  }
}

/** A ring around one point; `strong` when it is pinned. */
function paintMark(context, { data, view, theme, radius }, box, blend, index, strong) {
  const at = [0, 0];
  if (!positionAt(data, index, blend.from, blend.to, blend.mix, at)) return;
  const [x, y] = toPixel(view, box, ...at);
  for (const [colour, width] of [[theme.background, 4.5], [theme.text, strong ? 2.5 : 1.75]]) {
    context.beginPath();
    context.arc(x, y, radius + 5, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = css(colour);
    context.stroke();
  }
}

function paintPath(context, { path, theme }) {
  context.beginPath();
  for (const [x, y] of path) context.lineTo(x, y);
  context.closePath();
  context.fillStyle = css(theme.text, 0.08);
  context.fill();
  context.setLineDash([4, 3]);
  context.lineWidth = 1.5;
  context.strokeStyle = css(theme.text);
  context.stroke();
  context.setLineDash([]);
}
