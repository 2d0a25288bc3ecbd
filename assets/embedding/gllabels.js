// The class labels as textured squares in WebGL: written once, moved every frame.

import { context2d } from "./dom.js";
import { Program, TEXTURED, smoothTexture } from "./glprogram.js";
import { LABEL_HEIGHT, drawLabel, measureLabels, placeLabels } from "./labels.js";

/** @import { Label } from "./labels.js" */
/** @import { PaneScene } from "./pane.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */

const VERTEX = `#version 300 es
in vec2 a_at, a_texture;
uniform vec2 u_pixel;
out vec2 v_texture;
void main() {
  v_texture = a_texture;
  gl_Position = vec4(a_at.x * u_pixel.x - 1.0, 1.0 - a_at.y * u_pixel.y, 0.0, 1.0);
}`;

export class GLLabels {
  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.gl = gl;
    this.program = new Program(gl, VERTEX, TEXTURED);
    this.texture = gl.createTexture();
    this.buffer = gl.createBuffer();
    this.written = "";
    /** @type {Label[]} */
    this.measured = [];
    this.sheet = { width: 1, height: 1, fine: 1 };
  }

  /** @type {(scene: PaneScene, blend: Blend) => void} */
  draw({ data, view, theme, dpr, box, onlyClass }, blend) {
    const { gl, program } = this;
    if (data.classNames.length === 0) return;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    this.write(data, theme, dpr);
    const corners = [];
    const { width: wide, height: high, fine } = this.sheet;
    for (const { class: label, x, y, width } of placeLabels(data, box, view, blend, onlyClass, this.measured)) {
      // To whole pixels, or the letters blur.
      const [left, top] = [x - width / 2, y - LABEL_HEIGHT / 2].map((value) => Math.round(value * dpr) / dpr);
      const [right, bottom] = [left + width, top + LABEL_HEIGHT];
      const [u, v0, v1] = [(width * fine) / wide, (label * LABEL_HEIGHT * fine) / high, ((label + 1) * LABEL_HEIGHT * fine) / high];
      corners.push(left, top, 0, v0, right, top, u, v0, left, bottom, 0, v1, left, bottom, 0, v1, right, top, u, v0, right, bottom, u, v1);
    }
    if (corners.length === 0) return;
    program.use();
    gl.uniform2f(program.uniform("u_pixel"), 2 / box.width, 2 / box.height);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(corners), gl.STREAM_DRAW);
    program.pointer("a_at", 2, gl.FLOAT, false, 16, 0);
    program.pointer("a_texture", 2, gl.FLOAT, false, 16, 8);
    gl.drawArrays(gl.TRIANGLES, 0, corners.length / 4);
  }

  /** The sheet of all labels, one below the other; again only for other names, colours or pixels.
   * @type {(data: MapData, theme: Theme, dpr: number) => void} */
  write(data, theme, dpr) {
    const { gl } = this;
    const fine = Math.min(dpr, gl.getParameter(gl.MAX_TEXTURE_SIZE) / (LABEL_HEIGHT * data.classNames.length)); // hundreds of classes
    const now = [fine, theme.text, theme.background, ...data.classNames].join("\n");
    if (now === this.written) return;
    this.written = now;
    const canvas = document.createElement("canvas");
    const context = context2d(canvas);
    this.measured = measureLabels(context, data, theme.font);
    canvas.width = Math.ceil(Math.max(...this.measured.map(({ width }) => width)) * fine);
    canvas.height = Math.floor(LABEL_HEIGHT * fine * data.classNames.length);
    context.scale(fine, fine);
    this.measured.forEach((label, i) => drawLabel(context, label, i, label.width / 2, (i + 0.5) * LABEL_HEIGHT, theme));
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    smoothTexture(gl);
    this.sheet = { width: canvas.width, height: canvas.height, fine };
  }
}
