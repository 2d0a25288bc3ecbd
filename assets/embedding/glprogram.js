// A WebGL2 program with the places of its inputs, looked up once.

/** The fragment shader of a textured shape; its vertex shader gives `v_texture`. */
export const TEXTURED = `#version 300 es
precision mediump float;
in vec2 v_texture;
uniform sampler2D u_texture;
out vec4 colour;
void main() { colour = texture(u_texture, v_texture); }`;

/** The bound texture is read smoothly and not beyond its edges; sizes that are no powers of two need the latter. */
export function smoothTexture(gl) {
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
}

export class Program {
  constructor(gl, vertex, fragment) {
    this.gl = gl;
    this.program = gl.createProgram();
    this.places = new Map();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`The embedding's shader failed: ${gl.getProgramInfoLog(this.program)}`);
    }
  }

  use() {
    this.gl.useProgram(this.program);
  }

  uniform(name) {
    if (!this.places.has(name)) this.places.set(name, this.gl.getUniformLocation(this.program, name));
    return this.places.get(name);
  }

  /** Where an attribute of the bound buffer lies. */
  pointer(name, size, type, normalised, stride, offset) {
    if (!this.places.has(name)) this.places.set(name, this.gl.getAttribLocation(this.program, name));
    const slot = this.places.get(name);
    this.gl.enableVertexAttribArray(slot);
    this.gl.vertexAttribPointer(slot, size, type, normalised, stride, offset);
  }
}
