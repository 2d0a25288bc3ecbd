// Which epoch is shown. `frame` is where it is going, `at` where it is, in fractions of a frame.
// A jump over many epochs runs through all of them, so every point draws its own path and motion never breaks.

/** @typedef {{ from: number, to: number, mix: number }} Blend two frames and how far one is from the first to the second */

const STEP_MS = 400;
const HOLD_MS = 250;
const LONGEST_MS = 1000;

export class Timeline {
  /** @param {number} frames @param {number} frame @param {boolean} follow */
  constructor(frames, frame, follow) {
    this.frames = frames;
    this.frame = frame;
    this.at = frame;
    this.following = follow; // moves on to the newest epoch when one arrives
    this.touched = false; // the user has chosen an epoch
    this.playing = false;
    /** @type {{ from: number, start: number, length: number } | null} */
    this.move = null;
    /** @type {number | null} */
    this.holdUntil = null;
    this.duration = STEP_MS;
    this.speed = 1; // below 1 everything that moves by itself is slower
  }

  get last() {
    return Math.max(this.frames - 1, 0);
  }

  /** Goes to a frame, in `duration` ms or at once when 0.
   * @type {(frame: number, now: number, duration?: number) => void} */
  go(frame, now, duration = STEP_MS) {
    this.frame = Math.min(Math.max(frame, 0), this.last);
    const distance = Math.abs(this.frame - this.at);
    if (duration === 0 || distance === 0) {
      this.at = this.frame;
      this.move = null;
    } else {
      const length = Math.min(duration + 30 * Math.max(distance - 1, 0), LONGEST_MS) / this.speed;
      this.move = { from: this.at, start: now, length };
    }
  }

  /** The user goes to a frame: away from the newest it stops following, back there it starts again.
   * @type {(frame: number, now: number, duration?: number) => void} */
  choose(frame, now, duration) {
    this.touched = true;
    this.playing = false;
    this.go(frame, now, duration);
    this.following = this.frame === this.last;
  }

  /** @type {(now: number, duration: number) => void} */
  play(now, duration) {
    this.touched = true;
    this.following = false;
    this.playing = this.frames > 1;
    this.duration = duration;
    if (this.playing) this.go(this.frame === this.last ? 0 : this.frame + 1, now, duration);
    this.holdUntil = null;
  }

  /** Plays from the first epoch on by itself, after it has stood still for `look` ms. The user has chosen nothing by that.
   * @type {(now: number, look: number, duration: number) => void} */
  perform(now, look, duration) {
    if (this.frames < 2) return;
    this.go(0, now, 0);
    this.playing = true;
    this.duration = duration;
    this.holdUntil = now + look;
  }

  pause() {
    this.playing = false;
  }

  /** Moves on to time `now`.
   * @type {(now: number) => void} */
  tick(now) {
    if (this.move) {
      const share = Math.min(Math.max((now - this.move.start) / this.move.length, 0), 1);
      const eased = share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) ** 2;
      this.at = this.move.from + (this.frame - this.move.from) * eased;
      if (share < 1) return;
      this.at = this.frame;
      this.move = null;
    }
    if (!this.playing) return;
    if (this.frame === this.last) {
      this.playing = false;
      this.following = true;
      return;
    }
    this.holdUntil ??= now + ((this.duration === 0 ? STEP_MS : 0) + HOLD_MS) / this.speed;
    if (now >= this.holdUntil) {
      this.holdUntil = null;
      this.go(this.frame + 1, now, this.duration);
    }
  }

  /** Milliseconds until a playing timeline moves again.
   * @type {(now: number) => number} */
  wait(now) {
    return Math.max((this.holdUntil ?? now) - now, 0);
  }

  /** New data came in. Keeps the user's epoch; whoever follows, or has not chosen, moves on to the newest.
   * @type {(frames: number, now: number, duration: number, follow: boolean) => void} */
  extend(frames, now, duration, follow) {
    const grew = frames > this.frames;
    this.frames = frames;
    if (this.frame > this.last) this.go(this.last, now, 0);
    if (grew && ((follow && this.following) || !this.touched) && !this.playing) this.go(this.last, now, duration);
  }

  /** The same epochs in another projection: at once, nothing moves from one map to the other. `frame` is -1 where it is not there.
   * @type {(frame: number, frames: number) => void} */
  recast(frame, frames) {
    this.frames = frames;
    this.playing = false;
    this.go(frame < 0 || this.following || !this.touched ? this.last : frame, 0, 0);
  }

  /** The two frames between which the points are, and how far.
   * @type {() => Blend} */
  blend() {
    const from = Math.min(Math.floor(this.at), this.last);
    return { from, to: Math.min(from + 1, this.last), mix: this.at - from };
  }
}
