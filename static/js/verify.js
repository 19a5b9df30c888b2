/* Checks an inclusion proof in the browser with WebCrypto: RFC 6962 hashing, Ed25519 over the checkpoint, witnesses.
   Nothing is asked of the server: the reader does not have to trust the portal that shows the entry.

   <script type="application/json" id="proof-data"> holds
     raw         the logged text (UTF-8, canonical JSON)
     leaf        hex, the leaf hash that the log keeps
     index,size  place of the entry, size of the tree of the checkpoint
     proof       hex[], the neighbour hashes
     checkpoint  the note's text: origin, size, base64 root, each with a line end
     sig, pub    base64, Ed25519 signature (64 bytes) and raw public key (32 bytes)
     witnesses   [{name, pub, sig, time}], cosignatures over the same text; may be empty */
(function () {
  "use strict";
  var box = document.getElementById("proof-data");
  if (!box) return;
  var D = JSON.parse(box.textContent), enc = new TextEncoder();
  var list = document.getElementById("proof-steps"), out = document.getElementById("proof-verdict");
  var tamper = document.getElementById("tamper"), text = document.getElementById("proof-text");
  var crypt = window.crypto && window.crypto.subtle;

  function hex(bytes) { return Array.from(bytes, function (x) { return x.toString(16).padStart(2, "0"); }).join(""); }
  function unhex(s) { return Uint8Array.from(s.match(/../g) || [], function (h) { return parseInt(h, 16); }); }
  function unb64(s) { return Uint8Array.from(atob(s), function (c) { return c.charCodeAt(0); }); }
  function cat() {
    var parts = Array.from(arguments), n = 0, all;
    parts.forEach(function (p) { n += p.length; });
    all = new Uint8Array(n); n = 0;
    parts.forEach(function (p) { all.set(p, n); n += p.length; });
    return all;
  }
  async function sha256(bytes) { return new Uint8Array(await crypt.digest("SHA-256", bytes)); }
  async function signed(pub, sig, message) {
    var key = await crypt.importKey("raw", unb64(pub), { name: "Ed25519" }, false, ["verify"]);
    return crypt.verify({ name: "Ed25519" }, key, unb64(sig), enc.encode(message));
  }

  /* RFC 9162, 2.1.3.2. Division, not shifts: an index may be larger than 32 bits. */
  async function rootFrom(leaf, index, size, proof) {
    var fn = index, sn = size - 1, r = leaf;
    function up() { fn = Math.floor(fn / 2); sn = Math.floor(sn / 2); }
    if (!(index >= 0 && index < size)) throw new Error("the index lies outside the tree");
    for (var i = 0; i < proof.length; i++) {
      var p = unhex(proof[i]);
      if (sn === 0) throw new Error("the proof is too long");
      if (fn % 2 === 1 || fn === sn) {
        r = await sha256(cat([1], p, r));
        while (fn % 2 === 0 && fn !== 0) up();
      } else {
        r = await sha256(cat([1], r, p));
      }
      up();
    }
    if (sn !== 0) throw new Error("the proof is too short");
    return r;
  }

  function step(i, state, words) {
    var li = list.children[i];
    li.className = state;
    li.querySelectorAll("[data-i]").forEach(function (s) { s.toggleAttribute("hidden", s.dataset.i !== state); });
    li.querySelector("small").textContent = words;
  }
  function verdict(tone, mark, title, words) {
    out.className = "call " + tone;
    out.querySelectorAll("[data-i]").forEach(function (s) { s.toggleAttribute("hidden", s.dataset.i !== mark); });
    out.querySelector(".t").textContent = title;
    out.querySelector("[data-msg]").textContent = words;
  }
  function pretty(raw) { try { return JSON.stringify(JSON.parse(raw), null, 2); } catch (e) { return raw; } }

  /* The forged copy differs from the logged text in one bit of one letter. */
  function bytesNow() {
    var bytes = enc.encode(D.raw);
    if (tamper && tamper.checked) {
      var at = Math.floor(bytes.length / 2);
      while (at < bytes.length - 1 && !(bytes[at] >= 97 && bytes[at] <= 121)) at++;
      bytes[at] ^= 1;
    }
    return bytes;
  }

  async function run() {
    if (!crypt) throw new Error("it offers no WebCrypto here; that needs https or localhost");
    var started = performance.now(), bytes = bytesNow(), lines = D.checkpoint.split("\n");
    if (text) text.textContent = pretty(new TextDecoder().decode(bytes));
    var leaf = await sha256(cat([0], bytes)), leafOk = hex(leaf) === D.leaf;
    step(0, leafOk ? "ok" : "bad", "SHA-256 " + hex(leaf).slice(0, 16) + "…" + (leafOk ? "" : " is not the logged " + D.leaf.slice(0, 16) + "…"));
    var sizeOk = lines[1] === String(D.size), want = hex(unb64(lines[2] || "")), root, rootOk = false, why = "";
    try { root = hex(await rootFrom(leaf, D.index, D.size, D.proof)); rootOk = sizeOk && root === want; } catch (e) { why = e.message; }
    step(1, rootOk ? "ok" : "bad", why ? "Cannot be combined: " + why + "." : D.proof.length + " neighbour hashes give root " + root.slice(0, 16) + "…" +
      (rootOk ? "" : sizeOk ? ", but the checkpoint says " + want.slice(0, 16) + "…" : ", but the checkpoint is for another size"));
    var sigOk;
    try {
      sigOk = await signed(D.pub, D.sig, D.checkpoint);
    } catch (e) {
      step(2, "wait", "This browser cannot check Ed25519 signatures. Use the offline verifier.");
      verdict(leafOk && rootOk ? "warn" : "fail", leafOk && rootOk ? "wait" : "bad", leafOk && rootOk ? "Half checked" : "Not verified. Do not rely on this entry",
        leafOk && rootOk ? "The entry is in the tree of the checkpoint, but the checkpoint's signature was not checked here." : "The text on this page is not the text that was logged.");
      return;
    }
    step(2, sigOk ? "ok" : "bad", (sigOk ? "Signature is valid. " : "Signature is not valid. ") + "Checkpoint of " + D.size.toLocaleString("en-GB") + " entries, log key " + D.pub.slice(0, 12) + "…");
    var n = D.witnesses.length, seen = 0;
    for (var i = 0; i < n; i++) {
      if (await signed(D.witnesses[i].pub, D.witnesses[i].sig, "cosignature/v1\ntime " + D.witnesses[i].time + "\n" + D.checkpoint)) seen++;
    }
    step(3, n === 0 ? "wait" : seen === n ? "ok" : "bad", n === 0 ? "No outside witness yet: nobody else confirms that all readers see this same log." : seen + " of " + n + " witnesses signed this checkpoint");
    var all = leafOk && rootOk && sigOk && seen === n, ms = Math.max(1, Math.round(performance.now() - started));
    if (all) verdict("pass", "ok", "Verified in your browser", "The entry is in the log, unchanged, and the log's key signed it." + (n ? " " + seen + " witnesses saw the same log." : "") + " Checked in " + ms + " ms without asking the server.");
    else if (tamper && tamper.checked) verdict("fail", "bad", "Not verified: this is what a forged entry looks like", "One letter was changed in this page only. The log itself is as it was.");
    else verdict("fail", "bad", "Not verified. Do not rely on this entry", "What this page shows is not what was logged. Keep the page, and report it to whoever runs the log.");
  }
  function fail(e) { verdict("warn", "wait", "Could not check in this browser", "Use the offline verifier from the evidence pack instead. (This browser says: " + e.message + ".)"); }
  run().catch(fail);
  if (tamper) {
    tamper.disabled = false;
    tamper.addEventListener("change", function () { run().catch(fail); });
  }
})();
