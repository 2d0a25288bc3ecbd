// The colours and the font of the app's theme, which everything that is drawn reads.

/** Text, background and muted colours of the app's theme as [r, g, b], and its font; `known` itself if nothing has changed. */
export function readTheme(element, known) {
  const style = getComputedStyle(element);
  const names = ["--st-text-color", "--st-background-color"].map((name) => style.getPropertyValue(name).trim());
  const reads = [...names, style.fontFamily].join();
  if (reads === known?.reads) return known;
  const text = parseColour(names[0] || "#31333f");
  const background = parseColour(names[1] || "#ffffff");
  const muted = text.map((value, channel) => Math.round(value * 0.38 + background[channel] * 0.62));
  return { text, background, muted, font: style.fontFamily, reads };
}

/** A CSS colour as [r, g, b]. */
export function parseColour(colour) {
  // Streamlit's themes use these two; a canvas takes 15 ms on a page just opened.
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour)?.[1];
  if (hex) return (hex.length === 6 ? hex.match(/../g) : [...hex].map((digit) => digit + digit)).map((pair) => parseInt(pair, 16));
  const whole = /^rgb\((\d+), ?(\d+), ?(\d+)\)$/.exec(colour);
  if (whole) return whole.slice(1).map(Number);
  // Not on the GPU: reading from there waits until it has drawn everything that it was asked for.
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}
