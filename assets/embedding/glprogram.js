// A WebGL2 program with the places of its inputs, looked up once.

/** The fragment shader of a textured shape; its vertex shader gives `v_texture`. */
export const TEXTURED = `#version 300 es
precision mediump float;
in vec2 v_texture;
uniform sampler2D u_texture;
out vec4 colour;
void main() { colour = texture(u_texture, v_texture); }`;

/** The bound texture is read smoothly and not beyond its edges; sizes that are no powers of two need the latter.
 * @type {(gl: WebGL2RenderingContext) => void} */
export function smoothTexture(gl) {
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
}

export class Program {
  /** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment */
  constructor(gl, vertex, fragment) {
    this.gl = gl;
    this.program = gl.createProgram();
    /** @type {Map<string, WebGLUniformLocation | null>} */
    this.uniforms = new Map();
    /** @type {Map<string, number>} */
    this.attributes = new Map();
    for (const { kind, source } of [{ kind: gl.VERTEX_SHADER, source: vertex }, { kind: gl.FRAGMENT_SHADER, source: fragment }]) {
      const shader = gl.createShader(kind);
      if (!shader) continue; // the context is lost: linking says so
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

  /** @type {(name: string) => WebGLUniformLocation | null} */
  uniform(name) {
    let place = this.uniforms.get(name);
    if (place === undefined) this.uniforms.set(name, (place = this.gl.getUniformLocation(this.program, name)));
    return place;
  }

  /** Where an attribute of the bound buffer lies.
   * @type {(name: string, size: number, type: number, normalised: boolean, stride: number, offset: number) => void} */
  pointer(name, size, type, normalised, stride, offset) {
    let slot = this.attributes.get(name);
    if (slot === undefined) this.attributes.set(name, (slot = this.gl.getAttribLocation(this.program, name)));
    this.gl.enableVertexAttribArray(slot);
    this.gl.vertexAttribPointer(slot, size, type, normalised, stride, offset);
  }
}
