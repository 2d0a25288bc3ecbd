// The buttons, lists and keys around the map: what each does, and how each shows the state.

import { bindKeys } from "./gestures.js";
import { MODES, hasMode } from "./palette.js";

/** Binds everything under `root` to what the element's parts do; unbound by `signal`. */
export function bindControls(root, element, signal) {
  const { interaction, player } = element;
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
  };
  const find = (selector) => [...root.querySelectorAll(selector)];
  for (const button of find("[data-do]")) button.onclick = act[button.dataset.do];
  for (const button of find("[data-tool]")) button.onclick = () => interaction.take(button.dataset.tool);
  for (const button of find("[data-show]")) button.onclick = () => interaction.toggle(button.dataset.show);
  for (const button of find("[data-save]")) button.onclick = () => { closeMenus(root); element.save(button.dataset.save); };

  const keys = {
    " ": act.play, ArrowLeft: act.back, ArrowRight: act.forward, Home: () => player.choose(0), End: act.follow, Escape: act.clear,
    0: act.reset, "+": act.in, "=": act.in, "-": act.out, s: act.speed,
    l: () => interaction.take("lasso"), b: () => interaction.take("box"), v: () => interaction.take("pan"),
    c: () => interaction.toggle("contours"), a: () => interaction.toggle("arrows"),
  };
  MODES.forEach(({ name }, index) => { keys[index + 1] = () => interaction.colourBy(name); });
  bindKeys(root, keys, signal);

  const select = root.querySelector("select");
  select.replaceChildren(...MODES.map(({ name, title }) => new Option(title, name)));
  select.onchange = () => interaction.colourBy(select.value);
  const slider = root.querySelector("input");
  slider.oninput = () => player.choose(Number(slider.value), 150);

  // A menu closes when something else is used, and when its own key is Escape.
  document.addEventListener("pointerdown", (event) => {
    for (const menu of find("details[open]")) if (!event.composedPath().includes(menu)) menu.open = false;
  }, { signal });
  // Before the map's own keys: the first Escape closes a menu, and only the next one clears the selection.
  root.addEventListener("keydown", (event) => {
    const open = root.querySelector("details[open]");
    if (event.key !== "Escape" || !open) return;
    event.stopImmediatePropagation();
    open.open = false;
    open.querySelector("summary").focus();
  }, { signal, capture: true });
}

function closeMenus(root) {
  for (const menu of root.querySelectorAll("details[open]")) menu.open = false;
}

/** Brings the controls in line with the element's state. */
export function showControls(root, { data, mount, player: { timeline }, interaction: { mode, tool, show, selected } }) {
  const find = (selector) => root.querySelector(selector);
  const frame = timeline.frame;
  const select = find("select");
  for (const option of select.options) option.hidden = option.disabled = !hasMode(data, option.value);
  select.value = mode;
  find(".time").hidden = data.frames < 2;
  find('[data-do="follow"]').hidden = !mount.follow || timeline.following;
  find('[data-do="back"]').disabled = frame === 0;
  find('[data-do="forward"]').disabled = frame === timeline.last;
  find(".play").setAttribute("aria-label", timeline.playing ? "Pause" : "Play");
  find(".speed").textContent = `${{ 1: "1", 0.5: "½", 0.25: "¼" }[timeline.speed]}×`;
  const slider = find("input");
  slider.max = String(timeline.last);
  slider.value = String(frame);
  slider.setAttribute("aria-valuetext", data.titles[frame] ?? "");
  find("output").value = data.titles[frame] ?? "";
  for (const button of root.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  for (const button of root.querySelectorAll("[data-show]")) button.setAttribute("aria-pressed", String(show[button.dataset.show]));
  find('[data-save="script"]').hidden = !mount.export;
  const chip = find(".chip");
  chip.hidden = selected.length === 0;
  // Only when it is seen: the first number written so takes 20 ms.
  if (selected.length > 0) chip.textContent = `${selected.length.toLocaleString("en")} selected ✕`;
  root.classList.toggle("playing", timeline.playing);
  root.classList.toggle("selecting", tool !== "pan");
  root.classList.toggle("void", data.n === 0 || data.frames === 0);
  find(".note").textContent = data.note;
}
