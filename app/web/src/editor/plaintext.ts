// The plain text editor: CodeMirror on the shared Text "content".
//
// CodeMirror writes its rules into a <style> element, which a strict style policy refuses; inside a
// shadow root it uses a constructed style sheet instead, which the policy allows.

import { defaultKeymap } from "@codemirror/commands";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import * as Y from "yjs";
import { carets } from "./carets.ts";
import type { Config } from "./config.ts";
import type { Connection } from "./connection.ts";
import { Toolbar } from "./toolbar.ts";

const THEME = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "transparent", fontSize: "1rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace", lineHeight: "1.6" },
  ".cm-content": { padding: "0", minHeight: "50vh", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0" },
  ".caret": { position: "relative", borderInlineStart: "2px solid var(--person)", marginInline: "-1px" },
  ".caret-label": {
    position: "absolute",
    insetBlockEnd: "100%",
    insetInlineStart: "-2px",
    padding: "0 0.35em",
    font: "600 0.75rem/1.4 system-ui, sans-serif",
    whiteSpace: "nowrap",
    color: "#fff",
    background: "var(--person)",
    borderRadius: "3px",
    pointerEvents: "none",
  },
});

export function openPlainText(host: HTMLElement, connection: Connection, config: Config): () => void {
  const text = connection.doc.getText("content");
  const undo = new Y.UndoManager(text);
  const writable = new Compartment();
  const root = host.attachShadow({ mode: "open" });
  let toolbar: Toolbar | null = null;
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text.toString(),
      extensions: [
        // Positions must count as Yjs counts: a lone or paired CR is text, not the end of a line.
        EditorState.lineSeparator.of("\n"),
        EditorView.lineWrapping,
        THEME,
        writable.of(editable(config.mayEdit)),
        EditorView.contentAttributes.of({
          "aria-label": `${config.messages.textLabel}. ${config.messages.textHelp}`,
          "aria-readonly": String(!config.mayEdit),
          lang: config.language,
          tabindex: "0",
        }),
        keymap.of([{ key: "Escape", run: () => (toolbar?.focus(), toolbar !== null) }]),
        yCollab(text, null, { undoManager: undo }),
        carets(text, connection.provider.awareness),
        keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
      ],
    }),
  });
  connection.provider.awareness.setLocalStateField("user", config.user);
  if (config.mayEdit) toolbar = undoToolbar(view, undo);
  return () => view.dispatch({ effects: writable.reconfigure(editable(false)) });
}

function editable(yes: boolean) {
  return [EditorState.readOnly.of(!yes), EditorView.editable.of(yes)];
}

function undoToolbar(view: EditorView, undo: Y.UndoManager): Toolbar {
  const element = document.getElementById("toolbar") as HTMLElement;
  const toolbar = new Toolbar(element, {
    undo: () => (undo.undo(), view.focus()),
    redo: () => (undo.redo(), view.focus()),
  });
  const refresh = (): void => {
    toolbar.show("undo", null, undo.canUndo());
    toolbar.show("redo", null, undo.canRedo());
  };
  for (const event of ["stack-item-added", "stack-item-popped", "stack-cleared"] as const) undo.on(event, refresh);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") view.focus();
  });
  refresh();
  return toolbar;
}
