/* Passkeys: enrolling one, and signing a decision. Strict CSP: no inline script, no eval.
   form[data-passkey-enrol="url"] makes a key and fills [name=answer].
   [data-sign] inside a decision form asks data-url for the statement, shows it, and fills the two hidden fields. */
(function () {
  "use strict";
  function $(s, e) { return (e || document).querySelector(s); }
  function $$(s, e) { return Array.from((e || document).querySelectorAll(s)); }
  var supported = window.isSecureContext && window.PublicKeyCredential && navigator.credentials;

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (c) { return c.charCodeAt(0); });
  }
  function b64(buffer) {
    var plain = Array.from(new Uint8Array(buffer), function (x) { return String.fromCharCode(x); }).join("");
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function keys(list) {
    return (list || []).map(function (one) { return Object.assign({}, one, { id: bytes(one.id) }); });
  }

  /* One state at a time, in words that the template holds. */
  function show(form, name, words) {
    var box = $("[data-passkey-states]", form);
    if (!box) return;
    $$("[data-state]", box).forEach(function (one) { one.hidden = one.dataset.state !== name; });
    var now = name && $('[data-state="' + name + '"]', box), slot = now && $("[data-words]", now);
    if (slot && words) slot.textContent = words;
    if (now) box.focus();
  }
  function failed(form, error, started, timeout) {
    var late = timeout && performance.now() - started >= timeout - 500;
    var name = { NotAllowedError: late ? "timeout" : "refused", AbortError: "", TimeoutError: "timeout", InvalidStateError: "known",
      SecurityError: "address", NotSupportedError: "unsupported" }[error.name];
    if (name === undefined) show(form, "error", "Nothing was recorded. The browser says: " + error.message);
    else show(form, name);
  }
  /* The server's answer as {status, data}; data is null where no JSON came, as from a log-in page. */
  async function ask(url, form) {
    var answer = await fetch(url, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, redirect: "manual" });
    var json = (answer.headers.get("Content-Type") || "").indexOf("json") >= 0;
    return { status: answer.status, data: json ? await answer.json() : null };
  }
  function refusedBy(form, answer) {
    if (!answer.data) { show(form, "session"); return; }
    var code = String(answer.data.type || "").split(":").pop(), words = [answer.data.detail, answer.data.how].filter(Boolean).join(" ");
    if (code === "passkey-none") show(form, "none");
    else if (answer.status === 409) show(form, "stale", words);
    else show(form, "error", words);
  }

  /* ------------------------------------------------------------------ enrol */
  $$("form[data-passkey-enrol]").forEach(function (form) {
    var field = form.elements.answer, ready = false;
    if (!supported) show(form, "unsupported");
    form.addEventListener("submit", function (e) {
      if (ready || !supported || !form.elements.label.value.trim() || !form.elements.password.value) return;
      e.preventDefault();
      e.stopImmediatePropagation();
      make();
    });
    async function make() {
      var answer, started = performance.now(), made, options;
      show(form, "");
      try { answer = await ask(form.dataset.passkeyEnrol, form); } catch (error) { show(form, "offline"); return; }
      if (answer.status !== 200 || !answer.data) { refusedBy(form, answer); return; }
      options = answer.data.publicKey;
      options.challenge = bytes(options.challenge);
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = keys(options.excludeCredentials);
      try { made = await navigator.credentials.create({ publicKey: options }); } catch (error) { failed(form, error, started, options.timeout); return; }
      field.value = JSON.stringify({
        id: b64(made.rawId), rawId: b64(made.rawId), type: made.type, clientExtensionResults: {},
        response: {
          clientDataJSON: b64(made.response.clientDataJSON), attestationObject: b64(made.response.attestationObject),
          transports: made.response.getTransports ? made.response.getTransports() : []
        }
      });
      ready = true;
      form.requestSubmit();
    }
    window.addEventListener("pageshow", function () { ready = false; });
  });

  /* ------------------------------------------------------------------ sign */
  $$("[data-sign]").forEach(function (box) {
    var form = box.closest("form"), dialog = $("dialog[data-sign-dialog]", box), required = box.dataset.required === "yes";
    var statement = null, waiting = null, passed = false, expiry;
    if (!supported && required) show(form, "unsupported");

    /* The form's own listeners come later: they must not ask for agreement to what is not signed yet. */
    document.addEventListener("submit", function (e) {
      if (e.target !== form || passed || !supported || !$("input[type=radio]:checked", form)) return;
      e.preventDefault();
      e.stopImmediatePropagation();
      begin();
    }, true);
    function forget() {
      passed = false;
      form.elements.signed_statement.value = form.elements.assertion.value = "";
    }
    form.addEventListener("input", forget);
    form.addEventListener("change", forget);
    window.addEventListener("pageshow", forget);

    async function begin() {
      var answer;
      show(form, "");
      forget();
      try { answer = await ask(box.dataset.url, form); } catch (error) { show(form, "offline"); return; }
      if (answer.status === 200 && answer.data) { statement = answer.data; read(); return; }
      /* What the form itself lacks, the page says beside each field. */
      if (answer.status === 422) { send(); return; }
      refusedBy(form, answer);
    }
    function read() {
      var list = $("dl", dialog);
      list.textContent = "";
      statement.shown.forEach(function (row) {
        var term = document.createElement("dt"), value = document.createElement("dd");
        term.textContent = row[0];
        value.textContent = row[1];
        list.append(term, value);
      });
      $("[data-text]", dialog).textContent = JSON.stringify(JSON.parse(statement.statement), null, 2);
      $("[data-digest]", dialog).textContent = statement.digest;
      clearTimeout(expiry);
      expiry = setTimeout(function () { stop(); show(form, "timeout"); }, statement.seconds * 1000);
      dialog.showModal();
    }
    function stop() {
      clearTimeout(expiry);
      if (waiting) waiting.abort();
      waiting = null;
      if (dialog.open) dialog.close();
    }
    function send() {
      var agree = form.dataset.confirm && $("#" + form.dataset.confirm + " [data-agree]");
      passed = true;
      if (agree) agree.click(); else form.requestSubmit();
    }
    async function sign(button) {
      var options = Object.assign({}, statement.publicKey), started = performance.now(), signed, mine = new AbortController();
      if (waiting) return;
      waiting = mine;
      button.setAttribute("aria-busy", "true");
      options.challenge = bytes(options.challenge);
      options.allowCredentials = keys(options.allowCredentials);
      try {
        signed = await navigator.credentials.get({ publicKey: options, signal: mine.signal });
      } catch (error) {
        if (waiting === mine) { stop(); failed(form, error, started, options.timeout); }
        return;
      } finally {
        button.removeAttribute("aria-busy");
      }
      form.elements.signed_statement.value = statement.digest;
      form.elements.assertion.value = JSON.stringify({
        id: b64(signed.rawId),
        response: {
          authenticatorData: b64(signed.response.authenticatorData), clientDataJSON: b64(signed.response.clientDataJSON),
          signature: b64(signed.response.signature)
        }
      });
      waiting = null;
      stop();
      send();
    }
    dialog.addEventListener("click", function (e) {
      var button = e.target.closest("button");
      if (!button) return;
      if (button.hasAttribute("data-sign-now")) sign(button);
      if (button.hasAttribute("data-sign-not")) { stop(); send(); }
      if (button.hasAttribute("data-sign-back")) stop();
    });
    dialog.addEventListener("cancel", stop);
  });
})();
