// The buttons, lists and keys around the map: what each does, and how each shows the state.

import { all, find } from "./dom.js";
import { bindKeys } from "./gestures.js";
import { MODES, hasMode } from "./palette.js";

/** @import { Embedding, Mount } from "./element.js" */
/** @import { Tool } from "./interaction.js" */
/** @import { Mode } from "./palette.js" */
/** @import { MapData } from "./payload.js" */

/** @typedef {"png" | "svg" | "csv" | "script"} Saved what a map can be saved as */

/** Binds everything under `root` to what the element's parts do; unbound by `signal`.
 * @type {(root: HTMLElement, element: Embedding, signal: AbortSignal) => void} */
export function bindControls(root, element, signal) {
  const { interaction, player } = element;
  /** @type {Record<string, () => void>} */
  const act = {
    in: () => interaction.zoomBy(1.5),
    out: () => interaction.zoomBy(1 / 1.5),
    reset: () => interaction.reset(),
    play: () => player.playOrPause(),
    back: () => player.step(-1),
    forward: () => player.step(1),
    follow: () => player.toLast(),
    speed: () => player.nextSpeed(),
    clear: () => interaction.clear(),
    tools: () => {
      const open = root.classList.toggle("tooled");
      find(root, ".more", HTMLElement).setAttribute("aria-expanded", String(open));
    },
  };
  const buttons = (/** @type {string} */ kind) => all(root, `[data-${kind}]`, HTMLElement);
  for (const button of buttons("do")) button.onclick = act[button.dataset.do ?? ""];
  for (const button of buttons("tool")) button.onclick = () => interaction.take(/** @type {Tool} */ (button.dataset.tool));
  for (const button of buttons("show")) button.onclick = () => interaction.toggle(button.dataset.show === "arrows" ? "arrows" : "contours");
  for (const button of buttons("save")) {
    button.onclick = () => { closeMenus(root); element.save(/** @type {Saved} */ (button.dataset.save)); };
  }

  /** @type {Record<string, () => void>} */
  const keys = {
    " ": act.play, ArrowLeft: act.back, ArrowRight: act.forward, Home: () => player.choose(0), End: act.follow, Escape: act.clear,
    0: act.reset, "+": act.in, "=": act.in, "-": act.out, s: act.speed,
    l: () => interaction.take("lasso"), b: () => interaction.take("box"), v: () => interaction.take("pan"),
    c: () => interaction.toggle("contours"), a: () => interaction.toggle("arrows"),
  };
  MODES.forEach(({ name }, index) => { keys[index + 1] = () => interaction.colourBy(name); });
  bindKeys(root, keys, signal);

  const select = find(root, "select", HTMLSelectElement);
  select.replaceChildren(...MODES.map(({ name, title }) => new Option(title, name)));
  select.onchange = () => interaction.colourBy(/** @type {Mode} */ (select.value));
  const slider = find(root, "input", HTMLInputElement);
  slider.oninput = () => player.choose(Number(slider.value), 150);

  // A menu closes when something else is used, and when its own key is Escape.
  document.addEventListener("pointerdown", (event) => {
    for (const menu of openMenus(root)) if (!event.composedPath().includes(menu)) menu.open = false;
  }, { signal });
  // Before the map's own keys: the first Escape closes a menu, and only the next one clears the selection.
  root.addEventListener("keydown", (event) => {
    const [open] = openMenus(root);
    if (event.key !== "Escape" || !open) return;
    event.stopImmediatePropagation();
    open.open = false;
    find(open, "summary", HTMLElement).focus();
  }, { signal, capture: true });
}

/** @type {(root: HTMLElement) => HTMLDetailsElement[]} */
function openMenus(root) {
  return all(root, "details[open]", HTMLDetailsElement);
}

/** @type {(root: HTMLElement) => void} */
function closeMenus(root) {
  for (const menu of openMenus(root)) menu.open = false;
}

/** Brings the controls in line with the element's state.
 * @type {(root: HTMLElement, element: Embedding, data: MapData, mount: Mount) => void} */
export function showControls(root, element, data, mount) {
  const { player: { timeline }, interaction: { mode, tool, show, selected } } = element;
  const one = (/** @type {string} */ selector) => find(root, selector, HTMLElement);
  const frame = timeline.frame;
  const select = find(root, "select", HTMLSelectElement);
  for (const option of select.options) option.hidden = option.disabled = !hasMode(data, option.value);
  select.value = mode;
  one(".time").hidden = data.frames < 2;
  one('[data-do="follow"]').hidden = !mount.follow || timeline.following;
  find(root, '[data-do="back"]', HTMLButtonElement).disabled = frame === 0;
  find(root, '[data-do="forward"]', HTMLButtonElement).disabled = frame === timeline.last;
  one(".play").setAttribute("aria-label", timeline.playing ? "Pause" : "Play");
  one(".speed").textContent = `${{ 0.5: "½", 0.25: "¼" }[timeline.speed] ?? "1"}×`;
  const slider = find(root, "input", HTMLInputElement);
  slider.max = String(timeline.last);
  slider.value = String(frame);
  slider.setAttribute("aria-valuetext", data.titles[frame] ?? "");
  find(root, "output", HTMLOutputElement).value = data.titles[frame] ?? "";
  for (const button of all(root, "[data-tool]", HTMLElement)) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  for (const button of all(root, "[data-show]", HTMLElement)) button.setAttribute("aria-pressed", String(button.dataset.show === "arrows" ? show.arrows : show.contours));
  one('[data-save="script"]').hidden = !mount.export;
  const chip = one(".chip");
  chip.hidden = selected.length === 0;
  // Only when it is seen: the first number written so takes 20 ms.
  if (selected.length > 0) chip.textContent = `${selected.length.toLocaleString("en")} selected ✕`;
  root.classList.toggle("playing", timeline.playing);
  root.classList.toggle("selecting", tool !== "pan");
  root.classList.toggle("void", data.n === 0 || data.frames === 0);
  one(".note").textContent = data.note;
}
