/* The policy editor: CodeMirror over the page's textarea, which stays the form's field and works without it.
   It lives in a shadow root, where its style sheets are adopted ones: the page's CSP allows no inline style. */

const WORDS = {
  apiVersion: "gatehouse/v1", kind: "Policy or PolicySet", metadata: "name, owner, description, reviewBy",
  appliesTo: "selectors: riskTier, target, model, endpoint, region, moment", params: "settings with type and default",
  variables: "named once, used by rules", rules: "what must hold", require: "CEL that must be true",
  message: "CEL that says what is wrong", otherwise: "when, verdict, role", when: "CEL that asks instead of failing",
  verdict: "ask", role: "who is asked", controls: "what the rule serves", enforcement: "off, advisory or block",
  approvals: "roles that always decide", tests: "facts and what is expected", facts: "facts of a test",
  expect: "rule: verdict", freshness: "section: 90d", unknownPasses: "reason", emptyPasses: "reason",
  scope: "organisation, team or model", policies: "of a set", locked: "narrower sets may not change it",
};
const MACROS = ["all", "exists", "exists_one", "filter", "map", "size", "startsWith", "endsWith", "contains", "matches", "format"];
const CEL_KEYS = /^\s*(-\s*)?(require|message|when|expression)\s*:/;

class CodeEditor extends HTMLElement {
  async connectedCallback() {
    const area = this.querySelector("textarea");
    if (!area || this.view || !this.dataset.library) return;
    let cm, paths;
    try {
      [cm, paths] = await Promise.all([import(this.dataset.library), schemaOf(this.dataset.schema)]);
    } catch (error) {
      return; /* the textarea remains */
    }
    const root = this.attachShadow({ mode: "open" });
    const host = document.createElement("div");
    root.append(host);
    area.hidden = true;
    root.append(Object.assign(document.createElement("slot"), { hidden: true }));
    this.view = new cm.EditorView({ root, parent: host, state: stateOf(cm, area, paths) });
    this.watch(cm);
    this.focus = () => this.view.focus();
    this.dataset.ready = "yes";
  }

  /* The server's findings stand in #check, which is exchanged while one types. */
  watch(cm) {
    const show = () => {
      const check = document.getElementById("check");
      if (!check || check === this.shown) return;
      this.shown = check;
      check.querySelectorAll("pre.caret").forEach(showCaret);
      this.view.dispatch(cm.setDiagnostics(this.view.state, diagnostics(this.view.state.doc, check.dataset.problems)));
    };
    show();
    new MutationObserver(show).observe(document.body, { childList: true, subtree: true });
  }

  disconnectedCallback() { if (this.view) this.view.destroy(); }
}

async function schemaOf(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  return answer.ok && !answer.redirected ? (await answer.json()).paths : [];
}

function stateOf(cm, area, paths) {
  const readOnly = area.readOnly;
  const carry = cm.EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    area.value = update.state.doc.toString();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return cm.EditorState.create({
    doc: area.value,
    extensions: [
      cm.lineNumbers(), cm.highlightSpecialChars(), cm.history(), cm.drawSelection(), cm.indentOnInput(),
      cm.bracketMatching(), cm.closeBrackets(), cm.highlightActiveLine(), cm.highlightSelectionMatches(),
      cm.yaml(), cm.syntaxHighlighting(yamlColours(cm)), celColours(cm), cm.lintGutter(),
      cm.autocompletion({ override: [(context) => complete(context, paths)], activateOnTyping: true }),
      cm.keymap.of([...cm.closeBracketsKeymap, ...cm.defaultKeymap, ...cm.searchKeymap, ...cm.historyKeymap,
        ...cm.completionKeymap, ...cm.lintKeymap]),
      cm.EditorState.readOnly.of(readOnly), cm.EditorState.tabSize.of(2), cm.EditorView.lineWrapping,
      cm.EditorView.contentAttributes.of({
        "aria-label": area.getAttribute("aria-label"), "aria-multiline": "true", "aria-readonly": String(readOnly),
        autocapitalize: "off", spellcheck: "false", tabindex: "0",
      }),
      carry, theme(cm),
    ],
  });
}

/* ------------------------------------------------------------------ colours */
function theme(cm) {
  return cm.EditorView.theme({
    "&": { color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "var(--t-sm)" },
    "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
    ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.375rem", maxHeight: "38rem", overflow: "auto" },
    ".cm-content": { caretColor: "var(--ink)", padding: "var(--s3) 0" },
    ".cm-cursor": { borderLeftColor: "var(--ink)" },
    ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--ink-3)", border: "0" },
    ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--accent-soft)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--sel, rgba(90,130,220,.28))" },
    ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "var(--r2)", maxWidth: "32rem" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
    ".cm-completionDetail, .cm-completionInfo": { color: "var(--ink-2)" },
    ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)" },
    ".cm-diagnostic": { borderLeftColor: "var(--fail)", whiteSpace: "pre-wrap" },
    ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--line-control)" },
    /* the library's own pictures are data: addresses, which the CSP refuses */
    ".cm-lint-marker": { width: ".5rem", height: ".5rem", margin: ".4375rem .125rem", borderRadius: "50%", backgroundColor: "var(--fail)" },
    ".cm-lint-marker-error": { content: "none" },
    ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--fail)" },
    ".g-fact, .g-fact span": { color: "var(--accent-text)" },
    ".g-word, .g-word span": { color: "var(--pass)" },
    ".g-number, .g-number span": { color: "var(--warn)" },
  });
}

function yamlColours(cm) {
  const t = cm.tags;
  return cm.HighlightStyle.define([
    { tag: [t.propertyName, t.definition(t.propertyName)], color: "var(--ink)", fontWeight: "600" },
    { tag: t.comment, color: "var(--ink-3)", fontStyle: "italic" },
    { tag: [t.string, t.special(t.string), t.content], color: "var(--ink-2)" },
    { tag: [t.punctuation, t.separator, t.squareBracket, t.brace], color: "var(--ink-3)" },
  ]);
}

/* CEL stands in YAML strings, which the YAML grammar does not read: coloured by words, wherever they stand. */
function celColours(cm) {
  const marks = {
    fact: cm.Decoration.mark({ class: "g-fact" }),
    word: cm.Decoration.mark({ class: "g-word" }),
    number: cm.Decoration.mark({ class: "g-number" }),
  };
  const matcher = new cm.MatchDecorator({
    regexp: /\b(?:facts|params|variables)(?:\.[a-z_][a-z0-9_]*)+|\b(?:all|exists|exists_one|filter|map|size|format|in|true|false)\b(?=[\s(]|$)|\b\d+(?:\.\d+)?\b/g,
    decoration: (match, view, position) => {
      if (view.state.doc.lineAt(position).text.trimStart().startsWith("#")) return null;
      if (/^\d/.test(match[0])) return marks.number;
      return match[0].includes(".") ? marks.fact : marks.word;
    },
  });
  return cm.ViewPlugin.fromClass(class {
    constructor(view) { this.decorations = matcher.createDeco(view); }
    update(update) { this.decorations = matcher.updateDeco(update, this.decorations); }
  }, { decorations: (plugin) => plugin.decorations });
}

/* ------------------------------------------------------------------ findings */
/* A long line is scrolled sideways until its caret shows. */
function showCaret(pre) {
  const lines = pre.textContent.split("\n"), caret = lines.find((line) => line.trim() === "^");
  if (!caret) return;
  const longest = Math.max(...lines.map((line) => line.length));
  pre.scrollLeft = (pre.scrollWidth * caret.indexOf("^")) / longest - pre.clientWidth / 2;
}

function diagnostics(doc, text) {
  let problems = [];
  try { problems = JSON.parse(text || "[]"); } catch (error) { return []; }
  return problems.filter((one) => one.line >= 1 && one.line <= doc.lines).map((one) => {
    const line = doc.line(one.line);
    const from = Math.min(line.from + Math.max(0, one.column - 1), line.to);
    const word = /^[\w.]+/.exec(doc.sliceString(from, line.to));
    const to = word ? from + word[0].length : Math.max(from, line.to);
    return { from, to: Math.max(from, to), severity: "error", message: one.how ? one.message + "\n" + one.how : one.message };
  });
}

/* ------------------------------------------------------------------ completion */
function complete(context, paths) {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const dotted = /((?:[a-z_][a-z0-9_]*\.)+)([a-z0-9_]*)$/i.exec(before);
  if (dotted) {
    const options = members(dotted[1].slice(0, -1), context.state.doc, context.pos, paths);
    return options.length ? { from: context.pos - dotted[2].length, options, validFor: /^\w*$/ } : null;
  }
  const word = /[A-Za-z_]+$/.exec(before);
  if (!word && !context.explicit) return null;
  const from = context.pos - (word ? word[0].length : 0);
  if (/^\s*(-\s*)?\w*$/.test(before)) {
    return { from, options: Object.entries(WORDS).map(([label, detail]) => ({ label, detail, apply: label + ": ", type: "keyword" })), validFor: /^\w*$/ };
  }
  if (!CEL_KEYS.test(line.text) && !context.explicit) return null;
  const roots = ["facts", "params", "variables"].map((label) => ({ label, type: "namespace" }));
  return { from, options: roots, validFor: /^\w*$/ };
}

/* What may follow the dot: fields of a section, of a row that a macro binds, parameters, variables, macros. */
function members(left, doc, pos, paths) {
  const text = doc.toString();
  if (left === "params") return names(text, /^ {2}([a-z][a-z0-9_]*):/gm, /^params:/m);
  if (left === "variables") return names(text, /name: *([a-z][a-z0-9_]*)/g, /^variables:/m);
  const path = resolve(left, doc.sliceString(0, pos), text, 0);
  const fields = path ? below(path, paths) : [];
  const isList = path && paths.some((one) => one.path === path && one.list);
  return isList || /^variables\.\w+$/.test(left) ? MACROS.map((label) => ({ label, type: "function" })) : fields;
}

function names(text, pattern, start) {
  const found = start.exec(text);
  if (!found) return [];
  const rest = text.slice(found.index + found[0].length);
  const end = /^\S/m.exec(rest.slice(1));
  const block = end ? rest.slice(0, end.index + 1) : rest;
  return [...block.matchAll(pattern)].map((match) => ({ label: match[1], type: "variable" }));
}

/* The facts path that `left` stands for: itself, or that of the list over which a macro binds its first word. */
function resolve(left, before, text, depth) {
  if (depth > 4) return null;
  if (left.startsWith("facts.") || left === "facts") return left;
  const variable = /^variables\.([a-z0-9_]+)$/.exec(left);
  if (variable) {
    const line = new RegExp("name: *" + variable[1] + "\\b[\\s\\S]{0,200}?expression: *[\"']?([^\"'\\n]*)").exec(text);
    const list = line && /(facts(?:\.[a-z_]+)+?)\.(?:filter|map)\(/.exec(line[1]);
    return list ? list[1] : null;
  }
  const [head, ...tail] = left.split(".");
  const bound = [...before.matchAll(/((?:facts|variables)(?:\.[a-z_0-9]+)+?)\.(?:all|exists|exists_one|filter|map)\(\s*([a-z]\w*)\s*,/g)];
  const mine = bound.reverse().find((match) => match[2] === head);
  const list = mine && resolve(mine[1], before, text, depth + 1);
  return list ? [list + "[]", ...tail].join(".") : null;
}

function below(path, paths) {
  const start = path + ".";
  return paths.filter((one) => one.path.startsWith(start) && !/[.[]/.test(one.path.slice(start.length)))
    .map((one) => ({ label: one.path.slice(start.length), type: "property", detail: one.list ? "list" : one.type, info: one.doc }));
}

customElements.define("code-editor", CodeEditor);
