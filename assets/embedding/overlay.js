// What is drawn over the map: arrows between class centres, trails, marked points, the lasso; and the outlines where there is no WebGL.
// All functions take a `Pen`, so that the SVG export draws the same things.

import { LABEL_HEIGHT } from "./labels.js";
import { classColour, css } from "./palette.js";
import { UNIT, centreAt, positionAt, trueClass } from "./payload.js";
import { toPixel } from "./view.js";

/** @import { Scene } from "./pane.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Box, Place } from "./view.js" */

/** What everything is drawn with: a canvas's context, or the SVG that is written instead.
 * @typedef {Pick<CanvasRenderingContext2D, "save" | "restore" | "translate" | "beginPath" | "moveTo" | "lineTo" | "closePath" | "rect"
 *   | "arc" | "clip" | "setLineDash" | "fill" | "stroke" | "fillRect" | "strokeRect" | "fillText" | "fillStyle" | "strokeStyle"
 *   | "lineWidth" | "lineJoin" | "globalAlpha" | "font" | "textAlign">
 *   & { drawImage: (picture: HTMLCanvasElement, x: number, y: number, width: number, height: number) => void }} Pen */

export const LONGEST_TRAILS = 60; // points whose trails are drawn
const DASHES = [[], [5, 3], [2, 3]]; // source, target, domain classifier
const NUMBERED = 10; // trails that carry a number, as in pages/elements/selection.py
const TRAIL_DASHES = [[], [8, 3], [2, 3]];

/** Is there anything to paint? A hidden canvas costs nothing.
 * @type {(scene: Scene) => boolean} */
export function isEmpty(scene) {
  return !scene.show.arrows && scene.trails.length === 0 && scene.marked.length === 0 && !scene.path;
}

/** Everything of a pane.
 * @type {(context: Pen, scene: Scene, box: Box, blend: Blend) => void} */
export function paint(context, scene, box, blend) {
  if (scene.show.arrows) paintArrows(context, scene, box, blend);
  paintTrails(context, scene, box, blend);
  for (const { index, strong } of scene.marked) paintMark(context, scene, box, blend, index, strong);
  if (scene.path) paintPath(context, scene.path, scene.theme);
}

/** Regions can't be blended when their number changes: one frame's fade out while the next one's fade in.
 * @type {(context: Pen, scene: Scene, box: Box, blend: Blend) => void} */
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

/** From each class's centre in the source to its centre in the target: what adaptation still has to close.
 * @type {(context: Pen, scene: Scene, box: Box, blend: Blend) => void} */
function paintArrows(context, { data, view, theme, onlyClass }, box, { from, to, mix }) {
  for (let label = 0; label < data.classNames.length; label += 1) {
    if (onlyClass !== undefined && label !== onlyClass) continue;
    const [source, target] = [0, 1].map((side) => centreAt(data, side, label, from, to, mix));
    if (!source || !target) continue;
    const [[cx, cy], [bx, by]] = [toPixel(view, box, ...source), toPixel(view, box, ...target)];
    const whole = Math.hypot(bx - cx, by - cy);
    const [ux, uy] = [(bx - cx) / whole, (by - cy) / whole];
    // It begins at the edge of the label that stands at the centre, and is left out where nothing would be left of it.
    const skip = Math.min(LABEL_HEIGHT / 2 / Math.abs(uy), (12 + 7 * data.classNames[label].length) / 2 / Math.abs(ux)) + 1;
    const length = whole - skip;
    if (!(length > 5)) continue;
    const [ax, ay] = [cx + skip * ux, cy + skip * uy];
    const head = Math.min(9, length);
    const [px, py] = [bx - head * ux, by - head * uy]; // the foot of the head
    for (const { colour, extra } of [{ colour: css(theme.background, 0.9), extra: 2.5 }, { colour: classColour(label), extra: 0 }]) {
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

/** Where points have been, from the first epoch to the one shown. Few trails each have a colour, a dash and a number of their own, which
 * the page writes beside the sample; many have the colours of their classes. Each begins with a dot.
 * @type {(context: Pen, scene: Scene, box: Box, blend: Blend) => void} */
function paintTrails(context, scene, box, { from, to, mix }) {
  const { data, view, theme, trails } = scene;
  const numbered = trails.length <= NUMBERED;
  /** @type {Place} */
  const at = [0, 0];
  context.lineJoin = "round";
  trails.forEach((index, order) => {
    /** @type {Place[]} */
    const path = [];
    for (let frame = 0; frame <= from; frame += 1) {
      if (positionAt(data, index, frame, frame, 0, at)) path.push(toPixel(view, box, ...at));
    }
    if (mix > 0 && positionAt(data, index, from, to, mix, at)) path.push(toPixel(view, box, ...at));
    if (path.length === 0) return;
    const label = trueClass(data, index);
    const colour = numbered ? classColour(order) : label < 0 ? css(theme.text) : classColour(label);
    context.setLineDash(numbered ? TRAIL_DASHES[order % TRAIL_DASHES.length] : []);
    for (const { stroke, width } of [{ stroke: css(theme.background), width: numbered ? 4.5 : 2.5 }, { stroke: colour, width: numbered ? 2.5 : 1.2 }]) {
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.beginPath();
      for (const corner of path) context.lineTo(...corner);
      context.stroke();
    }
    context.setLineDash([]);
    context.fillStyle = colour;
    context.beginPath();
    context.arc(...path[0], numbered ? 3.5 : 2, 0, 2 * Math.PI);
    context.fill();
    if (numbered) paintNumber(context, scene, path[path.length - 1], order + 1);
  });
}

/** A trail's number, beside its end.
 * @type {(context: Pen, scene: Scene, at: Place, number: number) => void} */
function paintNumber(context, { theme, radius }, [x, y], number) {
  const [left, middle] = [x + radius + 11, y - radius - 9];
  context.fillStyle = css(theme.text);
  context.beginPath();
  context.arc(left, middle, 8, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = css(theme.background);
  context.font = "600 11px sans-serif";
  context.textAlign = "center";
  context.fillText(String(number), left, middle + 4);
}

/** A ring around one point; `strong` when it is pinned.
 * @type {(context: Pen, scene: Scene, box: Box, blend: Blend, index: number, strong: boolean) => void} */
function paintMark(context, { data, view, theme, radius }, box, blend, index, strong) {
  /** @type {Place} */
  const at = [0, 0];
  if (!positionAt(data, index, blend.from, blend.to, blend.mix, at)) return;
  const [x, y] = toPixel(view, box, ...at);
  for (const { colour, width } of [{ colour: theme.background, width: 4.5 }, { colour: theme.text, width: strong ? 2.5 : 1.75 }]) {
    context.beginPath();
    context.arc(x, y, radius + 5, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = css(colour);
    context.stroke();
  }
}

/** @type {(context: Pen, path: Place[], theme: Theme) => void} */
function paintPath(context, path, theme) {
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
