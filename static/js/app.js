/* Progressive enhancement only: every page works without this file. No eval, no inline handlers. */
(function () {
  "use strict";
  function $(s, e) { return (e || document).querySelector(s); }
  function $$(s, e) { return Array.from((e || document).querySelectorAll(s)); }
  function store(kind) { try { return window[kind]; } catch (e) { return null; } }
  var local = store("localStorage"), session = store("sessionStorage"), root = document.documentElement;

  var toastTimer;
  function toast(message) {
    var t = $("#toast");
    if (!t) return;
    t.textContent = message;
    t.hidden = false;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(function () { t.hidden = true; }, 4000);
  }

  /* theme, copy, dialogs, panes (delegated) */
  document.addEventListener("click", function (ev) {
    var b = ev.target.closest("[data-act]");
    if (!b) return;
    var act = b.dataset.act;
    if (act === "theme") {
      var next = root.dataset.theme === "dark" ? "light" : "dark";
      window.setTheme(next);
      toast(next === "dark" ? "Dark theme" : "Light theme");
    }
    if (act === "copy") copy(b.dataset.copy);
    if (act === "palette") openPalette();
    if (act === "help") $("#help").showModal();
    if (act === "close") b.closest("dialog").close();
    if (act === "view") {
      $$("[data-act=view]", b.parentNode).forEach(function (x) { x.setAttribute("aria-pressed", String(x === b)); });
      $$("[data-pane=" + b.dataset.group + "]").forEach(function (p) { p.hidden = p.id !== b.dataset.show; });
    }
  });
  function copy(text) {
    var failed = function () { toast("Copy failed. Select the text and copy it by hand."); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(function () { toast("Copied"); }, failed);
    else failed();
  }

  /* command palette: the links of the page at once, and what the server finds (dialog[data-find]) as it answers */
  var findTimer, asked = 0;
  function openPalette() {
    var d = $("#palette");
    if (!d) return;
    var input = $("input", d), list = $("ul", d);
    if (!list.children.length) fillPalette(list);
    function count() {
      var n = $$("li:not([hidden])", list).length;
      $("[data-n]", d).textContent = n === 1 ? "1 result" : n + " results";
    }
    function filter() {
      var q = input.value.trim().toLowerCase(), mine = ++asked;
      $$("li[data-found]", list).forEach(function (li) { li.remove(); });
      $$("li", list).forEach(function (li) { li.hidden = li.textContent.toLowerCase().indexOf(q) < 0; });
      count();
      clearTimeout(findTimer);
      if (!q || !d.dataset.find) return;
      findTimer = setTimeout(function () {
        fetch(d.dataset.find + "?q=" + encodeURIComponent(q), { headers: { Accept: "application/json" } })
          .then(function (r) { return r.ok && !r.redirected ? r.json() : { results: [] }; })
          .then(function (answer) {
            if (mine !== asked) return;
            var shown = $$("li:not([hidden]) a", list).map(function (a) { return a.pathname; });
            answer.results.forEach(function (hit) { if (shown.indexOf(hit.url) < 0) list.append(paletteLine(hit.label, hit.url, hit.kind, true)); });
            count();
          }, function () { /* the page's own links remain */ });
      }, 120);
    }
    input.value = "";
    filter();
    d.showModal();
    input.focus();
    input.oninput = filter;
    d.onkeydown = function (e) {
      var links = $$("li:not([hidden]) a", list), i = links.indexOf(document.activeElement);
      if (e.key === "ArrowDown" && links.length) { (links[i + 1] || links[0]).focus(); e.preventDefault(); }
      if (e.key === "ArrowUp" && links.length) { (i <= 0 ? input : links[i - 1]).focus(); e.preventDefault(); }
      // A search field would only empty itself at the first Escape.
      if (e.key === "Escape") { d.close(); e.preventDefault(); }
      if (e.key === "Enter" && document.activeElement === input && links[0]) { location.href = links[0].href; e.preventDefault(); }
    };
  }
  function paletteLine(words, url, note, found) {
    var li = document.createElement("li"), link = document.createElement("a"), small = document.createElement("small");
    link.href = url;
    small.textContent = note || "";
    link.append(words, small);
    li.append(link);
    if (found) li.dataset.found = "yes";
    return li;
  }
  function fillPalette(list) {
    var seen = {};
    $$(".nav a, main a[data-cmd], [data-list] a.cover, [data-list] a.name, .crumbs a").forEach(function (a) {
      var label = $(".lbl", a), words = (a.dataset.cmd || (label || a).textContent).trim().replace(/\s+/g, " ");
      if (!words || seen[words]) return;
      seen[words] = true;
      list.append(paletteLine(words, a.href, a.dataset.key));
    });
  }

  /* keys: g-chords from the menu's data-key, j/k through [data-list], / search, ? help, d decision.
     Off inside fields, and altogether when the person turned them off (WCAG 2.1.4). */
  var chords = {}, first = "", firstTimer;
  $$(".nav a[data-key]").forEach(function (a) { if (a.dataset.key) chords[a.dataset.key] = a.href; });
  var keys = $("#keys-on");
  if (keys) {
    keys.checked = !(local && local.getItem("keys") === "off");
    keys.addEventListener("change", function () { if (local) local.setItem("keys", keys.checked ? "on" : "off"); });
  }
  document.addEventListener("keydown", function (e) {
    if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === "k" && $("#palette")) { e.preventDefault(); if (!$("dialog[open]")) openPalette(); return; }
    if (e.metaKey || e.ctrlKey || e.altKey || $("dialog[open]")) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable || (keys && !keys.checked)) return;
    var k = e.key;
    if (first && chords[first + " " + k]) { location.href = chords[first + " " + k]; first = ""; return; }
    if (Object.keys(chords).some(function (c) { return c.indexOf(k + " ") === 0; })) {
      first = k;
      clearTimeout(firstTimer);
      firstTimer = setTimeout(function () { first = ""; }, 1200);
      return;
    }
    first = "";
    if (k === "?" && $("#help")) $("#help").showModal();
    if (k === "/") { e.preventDefault(); var s = $("[data-search]"); if (s) s.focus(); else openPalette(); }
    if (k === "j" || k === "k") move(k, e);
    if (k === "o" && document.activeElement.matches("[data-list] a")) document.activeElement.click();
    if (k === "d") {
      var form = $("[data-decide]");
      if (form) { form.scrollIntoView({ block: "start" }); ($("input[type=radio]:checked", form) || $("input[type=radio]", form) || form).focus(); e.preventDefault(); }
    }
  });
  function move(k, e) {
    var links = $$("[data-list] a.cover, [data-list] a.name");
    if (!links.length) return;
    var i = links.indexOf(document.activeElement);
    var next = links[i < 0 ? 0 : Math.max(0, Math.min(links.length - 1, i + (k === "j" ? 1 : -1)))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    e.preventDefault();
  }

  /* drafts: what is typed in form[data-draft] is kept in this tab until the server has taken it, so that a lost
     session, a stale page or a closed connection loses no sentence */
  function draftKey(form) { return "draft:" + form.dataset.draft; }
  function draftFields(form) { return $$("textarea[name], input[type=text][name], input[type=date][name]", form); }
  if (session) {
    var accepted = $(".messages .pass");
    Object.keys(session).filter(function (k) { return k.indexOf("sent:") === 0; }).forEach(function (k) {
      if (accepted) session.removeItem("draft:" + k.slice(5));
      session.removeItem(k);
    });
    prepareDrafts(document);
    $$("[data-draft-note]").forEach(function (n) {
      n.hidden = !Object.keys(session).some(function (k) { return k.indexOf("draft:") === 0 && session.getItem(k) !== "{}"; });
    });
    $$("form[data-logout]").forEach(function (f) { f.addEventListener("submit", function () { session.clear(); }); });
  }
  function prepareDrafts(root) {
    if (!session) return;
    $$("form[data-draft]", root).forEach(function (form) {
      var kept = JSON.parse(session.getItem(draftKey(form)) || "{}"), restored = false;
      draftFields(form).forEach(function (f) { if (!f.value && kept[f.name]) { f.value = kept[f.name]; restored = true; } });
      if (restored) toast("What you typed before was kept in this tab and is back in the form.");
      form.addEventListener("input", function () {
        var now = {};
        draftFields(form).forEach(function (f) { if (f.value) now[f.name] = f.value; });
        session.setItem(draftKey(form), JSON.stringify(now));
      });
      form.addEventListener("submit", function () { session.setItem("sent:" + form.dataset.draft, "1"); });
    });
  }

  /* decision form: four choices, none preselected; the words follow the choice, the button waits for one */
  function prepareDecisions(root) {
  $$("form[data-decide]", root).forEach(function (form) {
    var button = $("[data-submit]", form), label = $("[data-reason-label]", form), part = $("[data-conditions]", form);
    var waits = $("[data-choose]", form), plain = button && button.textContent;
    if (!button) return;
    function chosen() { var r = $("input[type=radio]:checked", form); return r ? r.value : ""; }
    function sync() {
      var v = chosen();
      button.setAttribute("aria-disabled", String(!v));
      button.textContent = (v && button.dataset[v]) || plain;
      button.classList.toggle("danger", v === "reject");
      button.classList.toggle("pri", v !== "reject");
      if (waits) waits.hidden = !!v;
      if (label && v && label.dataset[v]) label.textContent = label.dataset[v];
      if (part) part.hidden = v !== "conditions";
    }
    form.addEventListener("change", sync);
    form.addEventListener("submit", function (e) {
      if (chosen()) return;
      e.preventDefault();
      e.stopImmediatePropagation();
      toast("Choose a decision first.");
      $("input[type=radio]", form).focus();
    });
    sync();
  });

  /* read-back: form[data-confirm="dialog id"] shows what will be recorded; the dialog's button sends it */
  $$("form[data-confirm]", root).forEach(function (form) {
    var dialog = document.getElementById(form.dataset.confirm), agreed = false;
    if (!dialog || !dialog.showModal) return;
    form.addEventListener("submit", function (e) {
      if (agreed) return;
      e.preventDefault();
      $$("[data-read]", dialog).forEach(function (slot) { slot.textContent = readBack(form, slot.dataset.read) || slot.dataset.empty || ""; });
      $$("[data-read-for]", dialog).forEach(function (dt) {
        var radio = $("input[type=radio]:checked", form), unused = !radio || radio.value !== dt.dataset.readFor;
        dt.hidden = unused;
        dt.nextElementSibling.hidden = unused;
      });
      dialog.showModal();
    });
    dialog.addEventListener("click", function (e) {
      if (!e.target.closest("[data-agree]")) return;
      agreed = true;
      e.target.closest("[data-agree]").setAttribute("aria-disabled", "true");
      form.requestSubmit();
    });
  });
  }
  prepareDecisions(document);
  /* a part that came later (js/live.js) gets what the page got when it was opened */
  document.addEventListener("htmx:oobAfterSwap", function (e) { prepareDrafts(e.detail.target); prepareDecisions(e.detail.target); });
  function readBack(form, name) {
    if (name === "conditions") return readConditions(form);
    var radio = $('input[type=radio][name="' + name + '"]:checked', form);
    if (radio) { var b = $("b", radio.closest("label")); return (b || radio.closest("label")).textContent.trim(); }
    var f = form.elements[name];
    return f && f.value ? f.value.trim() : "";
  }

  /* each condition that has words: what, by whom, until when */
  function readConditions(form) {
    return $$(".cond", form).map(function (row) {
      return $$("input, select", row).map(function (f) { return !f.value ? "" : f.tagName === "SELECT" ? f.selectedOptions[0].textContent.trim() : f.value.trim(); }).filter(Boolean).join(", ");
    }).filter(Boolean).join("; ");
  }

  /* the number beside a slider follows it */
  document.addEventListener("input", function (e) {
    var out = e.target.type === "range" && $('output[for="' + e.target.id + '"]');
    if (out) out.textContent = e.target.value;
  });

  /* a form is sent once; Back makes it usable again */
  document.addEventListener("submit", function (e) {
    if (e.defaultPrevented || e.target.method !== "post") return;
    if (e.target.dataset.sent) { e.preventDefault(); return; }
    e.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", function () { $$("form[data-sent]").forEach(function (f) { delete f.dataset.sent; }); });
  $$("select[data-submit-on-change]").forEach(function (s) { s.addEventListener("change", function () { s.form.requestSubmit(); }); });

  /* after a refused form the reader lands on the list of errors */
  var summary = $(".errsum");
  if (summary) summary.focus();

  /* htmx: say when a part did not load, and never swap a log-in page into a fragment */
  document.addEventListener("htmx:responseError", function (e) {
    var status = e.detail.xhr.status;
    toast(status === 403 || status === 404 ? "This part is no longer there for you." : "This part did not load. Reload the page to try again.");
  });
  document.addEventListener("htmx:sendError", function () { toast("The portal does not answer. What you see may be old."); });
  document.addEventListener("htmx:beforeSwap", function (e) {
    var login = root.dataset.login, answered = e.detail.xhr.responseURL || "";
    if (login && answered && new URL(answered).pathname === login) { e.detail.shouldSwap = false; location.reload(); }
  });
})();
