// Where the app is, and how it is asked. pages/elements/script.py puts this before the scripts that Streamlit itself carries, which
// can't import it; so it imports nothing.

/** The app's root, from where Streamlit itself was loaded: right below a base path, behind a proxy and on every page. */
function appRoot() {
  const own = performance.getEntriesByType("resource").find((entry) => entry.name.includes("/static/js/"));
  return own ? own.name.slice(0, own.name.indexOf("static/js/")) : document.baseURI;
}

/** What the server says where it will not give what was asked: to ask again is no use. */
export class Refused extends Error {}

/** @type {(path: string) => string} */
export function addressOf(path) {
  return new URL(path, appRoot()).href;
}

/** The answer to a GET. Throws what the server says where it refuses (`Refused`), or that it did not answer.
 * @type {(path: string, signal?: AbortSignal) => Promise<Response>} */
export async function ask(path, signal) {
  let response;
  try {
    response = await fetch(addressOf(path), { signal, cache: "no-store" });
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new Error("The server did not answer. Is Shiftscope still running?");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Refused(answer.message ?? `The server answered ${response.status}. Reload the page.`);
}

/** What an error says.
 * @type {(problem: unknown) => string} */
export function wordsOf(problem) {
  return problem instanceof Error ? problem.message : String(problem);
}
