/* Runs before first paint. No inline script is needed, so script-src 'self' is enough. */
(function () {
  "use strict";
  var root = document.documentElement, key = "theme", chosen = new URLSearchParams(location.search).get("theme");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  // A browser may forbid storage; the page then follows the system's theme.
  try { chosen = chosen || localStorage.getItem(key); } catch (e) { /* nothing kept */ }
  function apply() { root.dataset.theme = chosen === "dark" || chosen === "light" ? chosen : (dark.matches ? "dark" : "light"); }
  root.dataset.js = "on";
  apply();
  dark.addEventListener("change", apply);
  window.setTheme = function (value) {
    chosen = value;
    try { localStorage.setItem(key, value); } catch (e) { /* kept for this page only */ }
    apply();
  };
})();
