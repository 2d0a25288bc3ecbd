// Draws all points of a pane with one WebGL2 call. Positions of all epochs lie in one buffer that changes only with the
// data: a tween only moves two offsets and a fraction.

import { BYTES_PER_STYLE } from "./palette.js";
import { SCALE } from "./payload.js";

const VERTEX = `#version 300 es
in vec2 a_from, a_to;
in vec4 a_colour_from, a_colour_to;
in vec4 a_look;                                   // shape, fill, size, unused
uniform float u_mix, u_radius, u_dpr;
uniform vec2 u_centre, u_scale;
out vec4 v_colour;
flat out vec2 v_look;
flat out float v_half, v_radius;
void main() {
  v_colour = mix(a_colour_from, a_colour_to, u_mix);
  v_look = a_look.xy;
  v_radius = u_radius * u_dpr * a_look.z / 128.0;
  v_half = v_radius * 1.25 + 2.0 * u_dpr;         // room for the outline and for a triangle's corners
  gl_PointSize = 2.0 * v_half;
  bool placed = a_from.x > -32767.5 && a_to.x > -32767.5;
  vec2 at = mix(a_from, a_to, u_mix) / ${SCALE}.0;
  gl_Position = placed ? vec4((at - u_centre) * u_scale, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 v_colour;
flat in vec2 v_look;
flat in float v_half, v_radius;
uniform float u_dpr;
uniform vec3 u_background;
out vec4 colour;
float triangle(vec2 p, float r) {                 // signed distance, after Inigo Quilez
  const float k = 1.7320508;
  p.y -= 0.18 * r;
  p.x = abs(p.x) - r;
  p.y = p.y + r / k;
  if (p.x + k * p.y > 0.0) p = vec2(p.x - k * p.y, -k * p.x - p.y) / 2.0;
  p.x -= clamp(p.x, -2.0 * r, 0.0);
  return -length(p) * sign(p.y);
}
void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * vec2(v_half, -v_half);
  float d = v_look.x < 0.5 ? length(p) - v_radius : triangle(p, v_radius * 1.08);
  float rim = 0.8 * u_dpr;                        // thin outline in the page's colour: keeps neighbours apart
  float outer = clamp(0.5 + rim - d, 0.0, 1.0);
  if (outer <= 0.0) discard;
  float inside = clamp(0.5 - d, 0.0, 1.0);
  float alpha = outer * 0.85;
  vec3 ink = mix(u_background, v_colour.rgb, inside);
  if (v_look.y > 0.5) {                           // hollow; a ring is bolder and lets its inside through
    float width = (v_look.y > 1.5 ? 1.9 : 1.45) * u_dpr;
    float stroke = inside * clamp(d + width + 0.5, 0.0, 1.0);
    ink = mix(u_background, v_colour.rgb, v_look.y > 1.5 ? stroke : max(stroke, 0.22 * inside));
    alpha = outer * mix(v_look.y > 1.5 ? 0.35 : 0.6, 1.0, stroke);
  } else {
    alpha = mix(alpha, 0.95, inside);
  }
  alpha *= v_colour.a;
  colour = vec4(ink * alpha, alpha);
}`;

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
    const gl = this.gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`The embedding's shader failed: ${gl.getProgramInfoLog(this.program)}`);
    }
    this.places = new Map(); // names in the shader -> where they are
    this.positions = gl.createBuffer();
    this.styles = new Map(); // style array -> {buffer, version}
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  uniform(name) {
    if (!this.places.has(name)) this.places.set(name, this.gl.getUniformLocation(this.program, name));
    return this.places.get(name);
  }

  attribute(name) {
    if (!this.places.has(name)) this.places.set(name, this.gl.getAttribLocation(this.program, name));
    return this.places.get(name);
  }

  setData(data) {
    const gl = this.gl;
    this.data = data;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
    gl.bufferData(gl.ARRAY_BUFFER, data.positions, gl.STATIC_DRAW);
    for (const { buffer } of this.styles.values()) gl.deleteBuffer(buffer);
    this.styles.clear();
  }

  /** The browser may take the GPU away and give it back: everything on it is made anew. */
  restore() {
    this.build();
    if (this.data) this.setData(this.data);
  }

  begin(theme) {
    const gl = this.gl;
    gl.useProgram(this.program);
    gl.disable(gl.SCISSOR_TEST);
    const background = theme.background.map((value) => value / 255);
    gl.clearColor(...background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    gl.uniform3f(this.uniform("u_background"), ...background);
  }

  /** `pane` is a rectangle of the canvas in CSS pixels; `from` and `to` are {frame, style: {bytes, version}}. */
  draw(pane, view, scale, radius, dpr, from, to, mix) {
    const gl = this.gl;
    if (!this.data || this.data.n === 0) return;
    const bottom = this.canvas.height - Math.round((pane.y + pane.height) * dpr);
    const box = [Math.round(pane.x * dpr), bottom, Math.round(pane.width * dpr), Math.round(pane.height * dpr)];
    gl.viewport(...box);
    gl.scissor(...box);
    gl.uniform1f(this.uniform("u_mix"), mix);
    gl.uniform1f(this.uniform("u_radius"), radius);
    gl.uniform1f(this.uniform("u_dpr"), dpr);
    gl.uniform2f(this.uniform("u_centre"), view.x, view.y);
    gl.uniform2f(this.uniform("u_scale"), (2 * scale) / pane.width, (2 * scale) / pane.height);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
    this.pointer("a_from", 2, gl.SHORT, false, 4, from.frame * this.data.n * 4);
    this.pointer("a_to", 2, gl.SHORT, false, 4, to.frame * this.data.n * 4);
    this.bindStyle(from.style);
    this.pointer("a_colour_from", 4, gl.UNSIGNED_BYTE, true, BYTES_PER_STYLE, 0);
    const nearest = mix < 0.5 ? from : to; // shape and fill can't be blended
    this.bindStyle(to.style);
    this.pointer("a_colour_to", 4, gl.UNSIGNED_BYTE, true, BYTES_PER_STYLE, 0);
    this.bindStyle(nearest.style);
    this.pointer("a_look", 4, gl.UNSIGNED_BYTE, false, BYTES_PER_STYLE, 4);
    gl.drawArrays(gl.POINTS, 0, this.data.n);
  }

  pointer(name, size, type, normalised, stride, offset) {
    const slot = this.attribute(name);
    this.gl.enableVertexAttribArray(slot);
    this.gl.vertexAttribPointer(slot, size, type, normalised, stride, offset);
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

  dispose() {
    // Browsers keep about sixteen contexts; a page that was left must not hold on to one.
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
