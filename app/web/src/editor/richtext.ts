// The rich text editor: TipTap on the shared XmlFragment "content".

import { type CommandProps, Editor } from "@tiptap/core";
import Collaboration from "@tiptap/extension-collaboration";
import CollaborationCaret from "@tiptap/extension-collaboration-caret";
import type { Config } from "./config.ts";
import type { Connection } from "./connection.ts";
import { askForImage } from "./image.ts";
import { askForLink } from "./link.ts";
import { schemaExtensions } from "./schema.ts";
import { type Command, Toolbar } from "./toolbar.ts";

const FORMATS = ["bold", "italic", "bulletList", "orderedList", "blockquote"] as const;
const LEVELS = [1, 2, 3] as const;

export function openRichText(host: HTMLElement, connection: Connection, config: Config): () => void {
  let toolbar: Toolbar | null = null;
  const editor = new Editor({
    element: host,
    editable: config.mayEdit,
    injectCSS: false,
    extensions: [
      ...schemaExtensions({ openLinks: !config.mayEdit }),
      Collaboration.configure({ document: connection.doc, field: "content" }),
      CollaborationCaret.configure({ provider: connection.provider, user: config.user, render: caret }),
    ],
    editorProps: {
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-readonly": String(!config.mayEdit),
        "aria-label": config.messages.textLabel,
        "aria-describedby": "editor-help",
        lang: config.language,
        tabindex: "0",
        class: "prose",
      },
      handleKeyDown: (_view, event) => {
        if (event.key !== "Escape" || event.isComposing || toolbar === null) return false;
        toolbar.focus();
        return true;
      },
    },
  });
  if (config.mayEdit) {
    const bar = new Toolbar(toolbarElement(), commands(editor, config));
    toolbar = bar;
    const refresh = (): void => showState(editor, bar);
    editor.on("transaction", refresh);
    refresh();
    toolbarElement().addEventListener("keydown", (event) => {
      if (event.key === "Escape") editor.commands.focus();
    });
  }
  return () => editor.setEditable(false);
}

function toolbarElement(): HTMLElement {
  return document.getElementById("toolbar") as HTMLElement;
}

function commands(editor: Editor, config: Config): Record<string, Command> {
  const chain = () => editor.chain().focus();
  const simple: Record<string, () => void> = {
    paragraph: () => chain().setParagraph().run(),
    bold: () => chain().toggleBold().run(),
    italic: () => chain().toggleItalic().run(),
    bulletList: () => chain().toggleBulletList().run(),
    orderedList: () => chain().toggleOrderedList().run(),
    blockquote: () => chain().toggleBlockquote().run(),
    link: () => void askForLink(editor, config),
    image: () => askForImage(editor),
    table: () => chain().insertTable({ rows: 3, cols: 3, withHeaderRow: true }).command(roomAfter).run(),
    addRow: () => chain().addRowAfter().run(),
    addColumn: () => chain().addColumnAfter().run(),
    deleteRow: () => chain().deleteRow().run(),
    deleteColumn: () => chain().deleteColumn().run(),
    deleteTable: () => chain().deleteTable().run(),
    undo: () => chain().undo().run(),
    redo: () => chain().redo().run(),
  };
  for (const level of LEVELS) simple[`heading${level}`] = () => chain().toggleHeading({ level }).run();
  return simple;
}

// Somewhere to write after what was just put at the end.
function roomAfter({ tr, dispatch, editor }: CommandProps): boolean {
  const paragraph = editor.schema.nodes["paragraph"]?.create();
  if (dispatch && paragraph && !tr.doc.lastChild?.isTextblock) tr.insert(tr.doc.content.size, paragraph);
  return true;
}

function showState(editor: Editor, toolbar: Toolbar): void {
  const can = editor.can();
  for (const format of FORMATS) toolbar.show(format, editor.isActive(format), true);
  for (const level of LEVELS) toolbar.show(`heading${level}`, editor.isActive("heading", { level }), true);
  toolbar.show("link", editor.isActive("link"), true);
  toolbar.show("image", editor.isActive("image"), true);
  toolbar.show("table", null, can.insertTable());
  toolbar.showGroup("table", editor.isActive("table"));
  toolbar.show("undo", null, can.undo());
  toolbar.show("redo", null, can.redo());
}

/** A named caret. Colours are set through the CSSOM, which a strict style policy allows. */
function caret(user: Record<string, unknown>): HTMLElement {
  const mark = document.createElement("span");
  mark.className = "caret";
  mark.style.setProperty("--person", String(user["color"]));
  const label = document.createElement("span");
  label.className = "caret-label";
  label.textContent = String(user["name"]);
  mark.append(label);
  return mark;
}
