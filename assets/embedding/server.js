// How the server is asked.

import { appRoot } from "./root.js";

export function addressOf(path) {
  return new URL(path, appRoot()).href;
}

/** The answer to a GET. Throws what the server says where it refuses (`refused` is then true), or that it did not answer. */
export async function ask(path, signal) {
  let response;
  try {
    response = await fetch(addressOf(path), { signal, cache: "no-store" });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("The server did not answer. Is Shiftscope still running?");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw Object.assign(new Error(answer.message ?? `The server answered ${response.status}. Reload the page.`), { refused: true });
}
