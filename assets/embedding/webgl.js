// Draws all points of a pane with one WebGL2 call. Positions of all epochs lie in one buffer that changes only with the
// data: a tween only moves two offsets and a fraction.

import { regionPixels } from "./decision-regions.js";
import { GLLabels } from "./gllabels.js";
import { Lines } from "./gllines.js";
import { Program, TEXTURED, smoothTexture } from "./glprogram.js";
import { BYTES_PER_STYLE } from "./palette.js";
import { UNIT } from "./payload.js";
import { scaleOf } from "./view.js";

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

const ONE_POINT = {
  n: 1, frames: 1, grid: 0, positions: new Int16Array(2),
};
const ONE_POINT_SCENE = {
  data: ONE_POINT, view: { x: 0, y: 0, zoom: 1 }, radius: 3, dpr: 1, box: { width: 300, height: 150 },
  theme: { background: [255, 255, 255] },
};

export class WebGLRenderer {
  /** null if this canvas gives no WebGL2. Opaque, which a computer without a GPU shows a quarter faster. */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, powerPreference: "low-power" });
    return gl ? new WebGLRenderer(gl, canvas) : null;
  }

  constructor(gl, canvas) {
    this.name = "webgl2";
    this.gl = gl;
    this.canvas = canvas;
    this.build();
  }

  build() {
    const { gl } = this;
    this.program = new Program(gl, VERTEX, FRAGMENT);
    this.positions = gl.createBuffer();
    this.styles = new Map(); // slot -> {buffer, version}
    this.under = null; // made when there is a ground to draw
    this.lines = this.labels = null; // made by `dress`
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Draws one point where nobody sees it: a driver compiles a shader when it first draws. */
  warm() {
    this.setData(ONE_POINT);
    const looks = { slot: 0, version: 0, bytes: new Uint8Array(BYTES_PER_STYLE) };
    this.draw(ONE_POINT_SCENE, { from: 0, to: 0, mix: 0 }, [looks, looks]);
  }

  /** Outlines and labels come after the first draw, so that the points need not wait for their shaders. */
  get dressed() {
    return this.lines !== null;
  }

  dress() {
    this.lines = new Lines(this.gl);
    this.lines.setData(this.data);
    this.labels = new GLLabels(this.gl);
  }

  setData(data) {
    const { gl } = this;
    this.data = data;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
    gl.bufferData(gl.ARRAY_BUFFER, data.positions, gl.STATIC_DRAW);
    for (const { buffer } of this.styles.values()) gl.deleteBuffer(buffer);
    this.styles.clear();
    this.lines?.setData(data);
    if (this.under) this.under.shown = "";
  }

  /** The browser may take the GPU away and give it back: everything on it is made anew. */
  restore() {
    const { data } = this;
    this.build();
    if (data) this.setData(data);
  }

  /** Draws a pane as large as the canvas; `looks` are the styles {slot, version, bytes} of the blend's two frames. */
  draw(scene, blend, looks) {
    const { gl, data } = this;
    const { view, theme, radius, dpr, box } = scene;
    const { from, to, mix } = blend;
    const background = theme.background.map((value) => value / 255);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(...background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (data.n === 0) return;
    const scale = scaleOf(view, box);
    const stretch = [(2 * scale) / box.width, (2 * scale) / box.height];
    if (data.grid) this.ground(view, theme, stretch, mix < 0.5 ? from : to);

    const { program } = this;
    program.use();
    gl.uniform3f(program.uniform("u_background"), ...background);
    gl.uniform1f(program.uniform("u_mix"), mix);
    gl.uniform1f(program.uniform("u_radius"), radius);
    gl.uniform1f(program.uniform("u_dpr"), dpr);
    gl.uniform2f(program.uniform("u_centre"), view.x, view.y);
    gl.uniform2f(program.uniform("u_scale"), ...stretch);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
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

    if (!this.dressed) return;
    if (scene.show.contours) {
      // Regions can't be blended when their number changes: one frame's fade out while the next one's fade in.
      if (mix < 1) this.lines.draw(scene, from, 1 - mix);
      if (mix > 0) this.lines.draw(scene, to, mix);
    }
    this.labels.draw(scene, blend);
  }

  /** The plane of two-dimensional inputs as one textured square. */
  ground(view, theme, stretch, frame) {
    const { gl, data } = this;
    this.under ??= { program: new Program(gl, GROUND_VERTEX, TEXTURED), texture: gl.createTexture(), corners: gl.createBuffer(), shown: "" };
    const { program, texture, corners } = this.under;
    program.use();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    const shown = `${frame} ${theme.background}`;
    if (this.under.shown !== shown) {
      const pixels = new Uint8Array(regionPixels(data, frame, theme).buffer);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, data.grid, data.grid, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      smoothTexture(gl);
      this.under.shown = shown;
    }
    gl.uniform2f(program.uniform("u_centre"), view.x, view.y);
    gl.uniform2f(program.uniform("u_scale"), ...stretch);
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    program.pointer("a_corner", 2, gl.FLOAT, false, 8, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  bindStyle(style) {
    const gl = this.gl;
    let entry = this.styles.get(style.slot);
    if (!entry) {
      entry = { buffer: gl.createBuffer(), version: -1 };
      this.styles.set(style.slot, entry);
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
