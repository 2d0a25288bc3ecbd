// Where the app is. pages/elements/script.py puts this before the scripts that Streamlit itself carries, which can't import it.

/** The app's root, from where Streamlit itself was loaded: right below a base path, behind a proxy and on every page. */
export function appRoot() {
  const own = performance.getEntriesByType("resource").find((entry) => entry.name.includes("/static/js/"));
  return own ? own.name.slice(0, own.name.indexOf("static/js/")) : document.baseURI;
}
