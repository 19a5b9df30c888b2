// What the policy editor takes from CodeMirror 6, in one file: see README.md for how it is built.
export { EditorState, Compartment, RangeSetBuilder } from "@codemirror/state";
export {
  EditorView, ViewPlugin, Decoration, MatchDecorator, keymap, lineNumbers, drawSelection,
  highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars,
} from "@codemirror/view";
export { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
export { autocompletion, completionKeymap, closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
export { lintGutter, setDiagnostics, lintKeymap } from "@codemirror/lint";
export { searchKeymap, highlightSelectionMatches } from "@codemirror/search";
export { HighlightStyle, syntaxHighlighting, bracketMatching, indentOnInput, foldKeymap } from "@codemirror/language";
export { yaml } from "@codemirror/lang-yaml";
export { tags } from "@lezer/highlight";
