// How far a map can be trusted: asked of the server for the epochs on screen, once each.

import { ask } from "./server.js";

/** @typedef {object} Answer what the server says of one epoch's map; null where it can't be known
 * @property {number} trustworthiness
 * @property {number | null} purity_map
 * @property {number} purity_full
 * @property {number | null} mixing_map
 * @property {number} mixing_full
 * @property {string | null} warning
 */

const REST_MS = 350; // an epoch that is only passed by is not judged,
const FOLLOWING_MS = 2500; // nor one of a running job that the next one will soon take the place of

export class Quality {
  /** @param {() => void} onAnswer */
  constructor(onAnswer) {
    this.onAnswer = onAnswer;
    /** @type {Map<number, Answer>} */
    this.known = new Map(); // by epoch
    /** @type {Set<number>} */
    this.asked = new Set();
    this.identity = "";
    this.waiting = 0;
    this.closed = false;
  }

  /** `identity` names the map: another one's answers don't hold.
   * @type {(address: string, identity: string, epochs: number[], following: boolean) => void} */
  want(address, identity, epochs, following) {
    if (identity !== this.identity) {
      this.identity = identity;
      this.known.clear();
      this.asked.clear();
    }
    clearTimeout(this.waiting);
    const missing = epochs.filter((epoch) => !this.asked.has(epoch));
    if (missing.length > 0) this.waiting = setTimeout(() => this.load(address, identity, missing), following ? FOLLOWING_MS : REST_MS);
  }

  /** @type {(address: string, identity: string, epochs: number[]) => Promise<void>} */
  async load(address, identity, epochs) {
    for (const epoch of epochs) this.asked.add(epoch);
    try {
      const answer = await (await ask(`map/${address}/quality?epochs=${epochs}`)).json();
      if (identity !== this.identity || this.closed) return;
      for (const [epoch, quality] of Object.entries(answer)) this.known.set(Number(epoch), quality);
    } catch {
      for (const epoch of epochs) this.asked.delete(epoch); // the next look asks again
      return;
    }
    this.onAnswer();
  }

  close() {
    this.closed = true;
    clearTimeout(this.waiting);
  }
}

/** The line under a map, and the warning where map and number disagree: [words, warning].
 * @type {(quality?: Answer) => [words: string, warning: string]} */
export function verdict(quality) {
  if (!quality) return ["", ""];
  const two = (/** @type {number} */ value) => value.toFixed(2);
  const words = [`Trustworthiness ${two(quality.trustworthiness)}`];
  if (quality.purity_map !== null) words.push(`class purity ${two(quality.purity_map)} (full space ${two(quality.purity_full)})`);
  if (quality.mixing_map !== null) words.push(`domain mixing ${two(quality.mixing_map)} (full space ${two(quality.mixing_full)})`);
  return [words.join(" · "), quality.warning ?? ""];
}

export const MEANING = "Trustworthiness: whether neighbours on the map are neighbours in the full space (1 is best, Venna & Kaski 2001, "
  + "k = 12). Class purity: share of a point's 10 nearest others with its class. Domain mixing: how often they are of the other domain, "
  + "1 as often as by chance, 0 never. On at most 600 points.";
