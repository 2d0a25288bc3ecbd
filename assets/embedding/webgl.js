// Draws all points of a pane with one WebGL2 call. Positions of all epochs lie in one buffer that changes only with the
// data: a tween only moves two offsets and a fraction.

import { regionPixels } from "./decision-regions.js";
import { GLLabels } from "./gllabels.js";
import { Lines } from "./gllines.js";
import { Program, TEXTURED, smoothTexture } from "./glprogram.js";
import { BYTES_PER_STYLE } from "./palette.js";
import { UNIT } from "./payload.js";
import { unit } from "./theme.js";
import { fullView, scaleOf } from "./view.js";

/** @import { PaneScene, Renderer } from "./pane.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Style } from "./style-cache.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Place, View } from "./view.js" */

// Without a GPU the time goes into fragments: the square of a point is as small as its shape allows, and nothing branches.
const VERTEX = `#version 300 es
in vec2 a_from, a_to;
in vec4 a_colour_from, a_colour_to;
in vec4 a_look;                                   // shape, fill, size, unused
uniform float u_mix, u_radius, u_dpr;
uniform vec2 u_centre, u_scale;
out vec4 v_colour;
flat out vec4 v_shape;                            // half the square, radius, 1 for a triangle, width of the stroke
flat out vec3 v_paint;                            // opacity beside the stroke, on it, and tint of the inside
void main() {
  v_colour = mix(a_colour_from, a_colour_to, u_mix);
  float radius = u_radius * u_dpr * a_look.z / 128.0;
  float triangle = a_look.x;
  float half_size = radius * mix(1.0, 1.25, triangle) + 1.05 * u_dpr;
  bool filled = a_look.y < 0.5, ring = a_look.y > 1.5;
  v_shape = vec4(half_size, radius, triangle, filled ? 99.0 : (ring ? 1.9 : 1.45) * u_dpr);
  v_paint = filled ? vec3(0.85, 0.95, 0.0) : ring ? vec3(0.35, 1.0, 0.0) : vec3(0.6, 1.0, 0.22);
  gl_PointSize = 2.0 * half_size;
  bool placed = a_from.x > -32767.5 && a_to.x > -32767.5;
  vec2 at = mix(a_from, a_to, u_mix) / ${UNIT}.0;
  gl_Position = placed ? vec4((at - u_centre) * u_scale, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 v_colour;
flat in vec4 v_shape;
flat in vec3 v_paint;
uniform float u_dpr;
uniform vec3 u_background;
out vec4 colour;
void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * vec2(v_shape.x, -v_shape.x);
  float disc = length(p) - v_shape.y;
  float triangle = max(-p.y, abs(p.x) * 0.866 + p.y * 0.5) - 0.62 * v_shape.y;
  float d = mix(disc, triangle, v_shape.z);       // distance to the edge, below 0 inside
  float outer = clamp(0.5 + 0.55 * u_dpr - d, 0.0, 1.0); // with a thin outline in the page's colour, which keeps neighbours apart
  float inside = clamp(0.5 - d, 0.0, 1.0);
  float stroke = inside * clamp(d + v_shape.w + 0.5, 0.0, 1.0);
  float alpha = outer * mix(v_paint.x, v_paint.y, stroke) * v_colour.a;
  colour = vec4(mix(u_background, v_colour.rgb, max(stroke, v_paint.z * inside)) * alpha, alpha);
}`;

const GROUND_VERTEX = `#version 300 es
in vec2 a_corner;
uniform vec2 u_centre, u_scale;
out vec2 v_texture;
void main() {
  v_texture = a_corner * 0.5 + 0.5;
  gl_Position = vec4((a_corner - u_centre) * u_scale, 0.0, 1.0);
}`;

/** @type {MapData} */
const ONE_POINT = {
  identity: "", version: "", n: 1, frames: 1, epochs: [0], titles: [""], captions: [""], classNames: [], note: "", judged: false, moved: 1,
  domain: new Uint8Array(1), labels: new Int16Array(1), positions: new Int16Array(2), predictions: new Uint8Array(1),
  confidence: new Uint8Array(1), centres: new Int16Array(0), outlines: [[]], grid: 0, sheet: null, rows: null,
};
const ONE_LOOK = { slot: 0, version: 0, bytes: new Uint8Array(BYTES_PER_STYLE) };
/** @type {PaneScene} */
const ONE_POINT_SCENE = {
  data: ONE_POINT, view: fullView(), theme: { text: [0, 0, 0], background: [255, 255, 255], muted: [0, 0, 0], font: "", reads: "" }, dpr: 1,
  radius: 3, show: { contours: false, arrows: false }, trails: [], marked: [], stamp: 0, looks: () => ONE_LOOK,
  box: { width: 300, height: 150 },
};

/** What a renderer has on the GPU.
 * @typedef {object} Held
 * @property {Program} program
 * @property {WebGLBuffer} positions
 * @property {Map<number, { buffer: WebGLBuffer, version: number }>} styles by slot
 * @property {{ program: Program, texture: WebGLTexture, corners: WebGLBuffer, shown: string } | null} under made when there is a ground to draw
 * @property {{ lines: Lines, labels: GLLabels } | null} over made by `dress`
 */

/** @type {(gl: WebGL2RenderingContext) => Held} */
function hold(gl) {
  const program = new Program(gl, VERTEX, FRAGMENT);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  return { program, positions: gl.createBuffer(), styles: new Map(), under: null, over: null };
}

/** @implements {Renderer} */
export class WebGLRenderer {
  /** null if this canvas gives no WebGL2. Opaque, which a computer without a GPU shows a quarter faster.
   * @type {(canvas: HTMLCanvasElement) => WebGLRenderer | null} */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, powerPreference: "low-power" });
    return gl ? new WebGLRenderer(gl, canvas) : null;
  }

  /** @param {WebGL2RenderingContext} gl @param {HTMLCanvasElement} canvas */
  constructor(gl, canvas) {
    this.name = "webgl2";
    this.gl = gl;
    this.canvas = canvas;
    this.data = ONE_POINT;
    this.held = hold(gl);
  }

  /** Draws one point where nobody sees it: a driver compiles a shader when it first draws. */
  warm() {
    this.setData(ONE_POINT);
    this.draw(ONE_POINT_SCENE, { from: 0, to: 0, mix: 0 }, [ONE_LOOK, ONE_LOOK]);
  }

  /** Outlines and labels come after the first draw, so that the points need not wait for their shaders. */
  get dressed() {
    return this.held.over !== null;
  }

  dress() {
    const lines = new Lines(this.gl);
    lines.setData(this.data);
    this.held.over = { lines, labels: new GLLabels(this.gl) };
  }

  /** @type {(data: MapData) => void} */
  setData(data) {
    const { gl, held: { positions, styles, under, over } } = this;
    this.data = data;
    gl.bindBuffer(gl.ARRAY_BUFFER, positions);
    gl.bufferData(gl.ARRAY_BUFFER, data.positions, gl.STATIC_DRAW);
    for (const { buffer } of styles.values()) gl.deleteBuffer(buffer);
    styles.clear();
    over?.lines.setData(data);
    if (under) under.shown = "";
  }

  /** The browser may take the GPU away and give it back: everything on it is made anew. */
  restore() {
    this.held = hold(this.gl);
    this.setData(this.data);
  }

  /** Draws a pane as large as the canvas; `looks` are those of the blend's two frames.
   * @type {(scene: PaneScene, blend: Blend, looks: [from: Style, to: Style]) => void} */
  draw(scene, blend, looks) {
    const { gl, data, held: { program, positions, over } } = this;
    const { view, theme, radius, dpr, box } = scene;
    const { from, to, mix } = blend;
    const background = unit(theme.background);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(...background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (data.n === 0) return;
    const scale = scaleOf(view, box);
    /** @type {Place} */
    const stretch = [(2 * scale) / box.width, (2 * scale) / box.height];
    if (data.grid) this.ground(view, theme, stretch, mix < 0.5 ? from : to);

    program.use();
    gl.uniform3f(program.uniform("u_background"), ...background);
    gl.uniform1f(program.uniform("u_mix"), mix);
    gl.uniform1f(program.uniform("u_radius"), radius);
    gl.uniform1f(program.uniform("u_dpr"), dpr);
    gl.uniform2f(program.uniform("u_centre"), view.x, view.y);
    gl.uniform2f(program.uniform("u_scale"), ...stretch);
    gl.bindBuffer(gl.ARRAY_BUFFER, positions);
    program.pointer("a_from", 2, gl.SHORT, false, 4, from * data.n * 4);
    program.pointer("a_to", 2, gl.SHORT, false, 4, to * data.n * 4);
    this.bindStyle(looks[0]);
    program.pointer("a_colour_from", 4, gl.UNSIGNED_BYTE, true, BYTES_PER_STYLE, 0);
    this.bindStyle(looks[1]);
    program.pointer("a_colour_to", 4, gl.UNSIGNED_BYTE, true, BYTES_PER_STYLE, 0);
    this.bindStyle(looks[mix < 0.5 ? 0 : 1]); // shape and fill can't be blended
    program.pointer("a_look", 4, gl.UNSIGNED_BYTE, false, BYTES_PER_STYLE, 4);
    gl.drawArrays(gl.POINTS, 0, data.n);
    gl.flush(); // the driver draws while the next pane and the page are written

    if (!over) return;
    if (scene.show.contours) {
      // Regions can't be blended when their number changes: one frame's fade out while the next one's fade in.
      if (mix < 1) over.lines.draw(scene, from, 1 - mix);
      if (mix > 0) over.lines.draw(scene, to, mix);
    }
    over.labels.draw(scene, blend);
  }

  /** The plane of two-dimensional inputs as one textured square.
   * @type {(view: View, theme: Theme, stretch: Place, frame: number) => void} */
  ground(view, theme, stretch, frame) {
    const { gl, data, held } = this;
    const under = held.under ??= {
      program: new Program(gl, GROUND_VERTEX, TEXTURED), texture: gl.createTexture(), corners: gl.createBuffer(), shown: "",
    };
    const { program, texture, corners } = under;
    program.use();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    const shown = `${frame} ${theme.background}`;
    if (under.shown !== shown) {
      const pixels = new Uint8Array(regionPixels(data, frame, theme).buffer);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, data.grid, data.grid, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      smoothTexture(gl);
      under.shown = shown;
    }
    gl.uniform2f(program.uniform("u_centre"), view.x, view.y);
    gl.uniform2f(program.uniform("u_scale"), ...stretch);
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    program.pointer("a_corner", 2, gl.FLOAT, false, 8, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /** @type {(style: Style) => void} */
  bindStyle(style) {
    const { gl, held: { styles } } = this;
    let entry = styles.get(style.slot);
    if (!entry) {
      entry = { buffer: gl.createBuffer(), version: -1 };
      styles.set(style.slot, entry);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, entry.buffer);
    if (entry.version !== style.version) {
      gl.bufferData(gl.ARRAY_BUFFER, style.bytes, gl.DYNAMIC_DRAW);
      entry.version = style.version;
    }
  }

  /** Lets go of the data, to be used for others; false if it can't be. */
  rest() {
    if (this.gl.isContextLost()) return false;
    this.setData(ONE_POINT);
    [this.canvas.width, this.canvas.height] = [1, 1];
    return true;
  }

  dispose() {
    // Browsers keep about sixteen contexts; a page that was left must not hold on to one.
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
