// The outlines of the domains as thick, dashed, smooth lines in WebGL: on a canvas of its own, each frame of a tween would redraw
// the whole layer, which a computer without a GPU does ten times a second.

import { Program } from "./glprogram.js";
import { UNIT } from "./payload.js";
import { unit } from "./theme.js";
import { scaleOf } from "./view.js";

/** @import { PaneScene } from "./pane.js" */
/** @import { MapData } from "./payload.js" */

const FLOATS = 6; // a corner: place, normal, length along the line in map units, side
const WIDTHS = [1.7, 1.7, 2.2]; // source, target, domain classifier
/** @type {[period: number, drawn: number][]} */
const DASHES = [[1, 1], [8, 5], [5, 2.2]]; // in pixels

const VERTEX = `#version 300 es
in vec2 a_at, a_normal;
in vec2 a_along;                                  // length, side
uniform vec2 u_centre, u_scale, u_pixel;
uniform float u_half;
out vec2 v_along;
void main() {
  v_along = a_along;
  gl_Position = vec4((a_at - u_centre) * u_scale + a_normal * a_along.y * u_half * u_pixel, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec2 v_along;
uniform float u_half, u_pixels, u_dpr;
uniform vec2 u_dash;
uniform vec4 u_colour;
out vec4 colour;
void main() {
  if (mod(v_along.x * u_pixels, u_dash.x) > u_dash.y) discard;
  float edge = clamp((1.0 - abs(v_along.y)) * u_half * u_dpr, 0.0, 1.0);
  colour = vec4(u_colour.rgb, 1.0) * u_colour.a * edge;
}`;

export class Lines {
  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.gl = gl;
    this.program = new Program(gl, VERTEX, FRAGMENT);
    /** By frame, then by kind. @type {Map<number, { buffer: WebGLBuffer, count: number }[]>} */
    this.frames = new Map();
    /** @type {MapData | null} */
    this.data = null;
  }

  /** @type {(data: MapData | null) => void} */
  setData(data) {
    for (const kinds of this.frames.values()) for (const { buffer } of kinds) this.gl.deleteBuffer(buffer);
    this.frames.clear();
    this.data = data;
  }

  /** @type {(scene: PaneScene, frame: number, share: number) => void} */
  draw({ view, theme, dpr, box }, frame, share) {
    const { gl, program } = this;
    const scale = scaleOf(view, box);
    program.use();
    gl.uniform2f(program.uniform("u_centre"), view.x, view.y);
    gl.uniform2f(program.uniform("u_scale"), (2 * scale) / box.width, (2 * scale) / box.height);
    gl.uniform2f(program.uniform("u_pixel"), 2 / box.width, 2 / box.height);
    gl.uniform1f(program.uniform("u_pixels"), scale);
    gl.uniform1f(program.uniform("u_dpr"), dpr);
    gl.uniform4f(program.uniform("u_colour"), ...unit(theme.text), 0.8 * share);
    this.of(frame).forEach(({ buffer, count }, kind) => {
      if (count === 0) return;
      gl.uniform1f(program.uniform("u_half"), WIDTHS[kind] / 2 + 0.5);
      gl.uniform2f(program.uniform("u_dash"), ...DASHES[kind]);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      program.pointer("a_at", 2, gl.FLOAT, false, 4 * FLOATS, 0);
      program.pointer("a_normal", 2, gl.FLOAT, false, 4 * FLOATS, 8);
      program.pointer("a_along", 2, gl.FLOAT, false, 4 * FLOATS, 16);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, count);
    });
  }

  /** @type {(frame: number) => { buffer: WebGLBuffer, count: number }[]} */
  of(frame) {
    let kinds = this.frames.get(frame);
    if (!kinds) {
      kinds = (this.data?.outlines[frame] ?? []).map((rings) => {
        const corners = strip(rings);
        const buffer = this.gl.createBuffer();
        this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
        this.gl.bufferData(this.gl.ARRAY_BUFFER, corners, this.gl.STATIC_DRAW);
        return { buffer, count: corners.length / FLOATS };
      });
      this.frames.set(frame, kinds);
    }
    return kinds;
  }
}

/** All lines of a kind as one triangle strip; two repeated corners take it from one line to the next without drawing.
 * @type {(rings: Int16Array[]) => Float32Array} */
export function strip(rings) {
  /** @type {number[]} */
  const out = [];
  for (const ring of rings) {
    const points = ring.length / 2;
    const closed = ring[0] === ring[2 * points - 2] && ring[1] === ring[2 * points - 1];
    let along = 0;
    for (let i = 0; i < points; i += 1) {
      const [x, y] = [ring[2 * i] / UNIT, ring[2 * i + 1] / UNIT];
      // A closed line's last point is its first: the neighbours lie beyond it.
      const before = i > 0 ? i - 1 : closed ? points - 2 : 0;
      const after = i < points - 1 ? i + 1 : closed ? 1 : points - 1;
      const [dx, dy] = [ring[2 * after] - ring[2 * before], ring[2 * after + 1] - ring[2 * before + 1]];
      const length = Math.hypot(dx, dy) || 1;
      if (i > 0) along += Math.hypot(x - ring[2 * i - 2] / UNIT, y - ring[2 * i - 1] / UNIT);
      const corner = [x, y, -dy / length, dx / length, along];
      if (i === 0 && out.length > 0) out.push(...out.slice(-FLOATS), ...corner, 1);
      out.push(...corner, 1, ...corner, -1);
    }
  }
  return new Float32Array(out);
}
