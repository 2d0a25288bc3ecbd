// Goes from epoch to epoch as the user asks, in a pace that they can bear.

import { nearestEpoch } from "./payload.js";
import { Timeline } from "./timeline.js";

/** @import { MapData } from "./payload.js" */

const SPEEDS = [1, 0.5, 0.25];
const STEP_MS = 400;
const LOOK_MS = 1200; // for which "before" stands still, ahead of a performance

export class Player {
  /** @param {{ data: MapData | null, refresh: () => void, hint: (words: string) => void }} element */
  constructor(element) {
    this.element = element;
    this.timeline = new Timeline(0, 0, false);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  /** Another run: its last epoch, or the one nearest to `epoch` if that is not null; returns the epoch that was asked for.
   * @type {(data: MapData, epoch: number | null, follow: boolean) => number | undefined} */
  begin(data, epoch, follow) {
    const asked = epoch === null ? -1 : nearestEpoch(data, epoch);
    this.timeline = new Timeline(data.frames, asked < 0 ? Math.max(data.frames - 1, 0) : asked, follow && asked < 0);
    this.timeline.touched = asked >= 0;
    return data.epochs[asked];
  }

  /** Milliseconds from one epoch to the next; 0 is at once. */
  get pace() {
    return this.still.matches ? 0 : STEP_MS;
  }

  /** @type {(frame: number, duration?: number) => void} */
  choose(frame, duration = STEP_MS) {
    this.timeline.choose(frame, performance.now(), Math.min(this.pace, duration));
    this.element.refresh();
  }

  /** @type {(by: number) => void} */
  step(by) {
    this.choose(this.timeline.frame + by);
  }

  toLast() {
    this.choose(this.timeline.last);
  }

  /** To the epoch nearest to a number.
   * @type {(epoch: number) => void} */
  goTo(epoch) {
    const { data } = this.element;
    if (data && data.frames > 1) this.choose(nearestEpoch(data, epoch));
  }

  playOrPause() {
    if (this.timeline.playing) this.timeline.pause();
    else this.timeline.play(performance.now(), this.pace);
    this.element.refresh();
  }

  /** Once through all epochs, which nobody asked for: not where motion is unwelcome. */
  perform() {
    if (!this.still.matches) this.timeline.perform(performance.now(), LOOK_MS, STEP_MS);
  }

  nextSpeed() {
    this.timeline.speed = SPEEDS[(SPEEDS.indexOf(this.timeline.speed) + 1) % SPEEDS.length];
    this.element.hint(this.timeline.speed === 1 ? "Normal speed" : "Slow motion");
    this.element.refresh();
  }
}
