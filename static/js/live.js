/* A page that stays true while somebody reads it: #live asks the server with the tag of what is shown. A part in
   which somebody types is never replaced; a note says that the rest changed. Without this file the page is as true
   as when it was opened. */
(function () {
  "use strict";
  var asks = document.getElementById("live"), note = document.getElementById("live-note");
  if (!asks) return;

  function differs(field) {
    if (field.type === "hidden" || field.type === "submit" || field.disabled) return false;
    if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") {
      var first = Array.from(field.options).findIndex(function (o) { return o.defaultSelected; });
      return field.selectedIndex !== Math.max(first, 0);
    }
    return field.value !== field.defaultValue;
  }
  function isUsed(part) {
    var active = document.activeElement;
    if (active && part.contains(active) && active.matches("input, textarea, select")) return true;
    return Array.from(part.querySelectorAll("input, textarea, select")).some(differs);
  }

  document.addEventListener("htmx:configRequest", function (ev) {
    if (ev.target === asks && asks.dataset.etag) ev.detail.headers["If-None-Match"] = asks.dataset.etag;
  });
  document.addEventListener("htmx:beforeRequest", function (ev) {
    if (ev.target === asks && (document.hidden || document.querySelector("dialog[open]"))) ev.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", function (ev) {
    if (ev.detail.elt !== asks && ev.target !== asks) return;
    var tag = ev.detail.xhr.getResponseHeader("ETag");
    // No tag: a log-in page or a proxy answered, which is no state of this release.
    if (ev.detail.xhr.status !== 200 || !tag) { ev.detail.shouldSwap = false; return; }
    asks.dataset.etag = tag;
  });
  document.addEventListener("htmx:oobBeforeSwap", function (ev) {
    var part = ev.detail.target;
    if (!part || part.id.indexOf("live-") !== 0) return;
    if (isUsed(part)) { ev.detail.shouldSwap = false; if (note) note.hidden = false; }
  });
})();
