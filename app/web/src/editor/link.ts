// The dialog that asks for the address of a link.

import type { Editor } from "@tiptap/core";
import { type Config, element } from "./config.ts";

export function askForLink(editor: Editor, config: Config): void {
  const dialog = element<HTMLDialogElement>("link-dialog");
  const form = dialog.querySelector("form") as HTMLFormElement;
  const input = element<HTMLInputElement>("link-url");
  const remove = element<HTMLButtonElement>("link-remove");
  const present = (editor.getAttributes("link")["href"] as string | undefined) ?? "";
  input.value = present;
  input.setCustomValidity("");
  remove.hidden = present === "";

  const finished = new AbortController();
  const until = { signal: finished.signal };
  const mark = () => editor.chain().focus().extendMarkRange("link");
  input.addEventListener("input", () => input.setCustomValidity(""), until);
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      const href = address(input.value);
      if (href === null) {
        input.setCustomValidity(config.messages.linkInvalid);
        input.reportValidity();
        return;
      }
      dialog.close();
      if (editor.state.selection.empty && present === "") {
        editor.chain().focus().insertContent({ type: "text", text: href, marks: [{ type: "link", attrs: { href } }] }).run();
      } else {
        mark().setLink({ href }).run();
      }
    },
    until,
  );
  remove.addEventListener("click", () => (dialog.close(), mark().unsetLink().run()), until);
  element("link-cancel").addEventListener("click", () => dialog.close(), until);
  dialog.addEventListener("close", () => (finished.abort(), editor.commands.focus()), { once: true });
  dialog.showModal();
}

/** A full web or mail address; a bare "example.org" becomes https. Null if it is none. */
export function address(typed: string): string | null {
  const value = typed.trim();
  const full = /^[a-z][a-z0-9+.-]*:/i.test(value) ? value : `https://${value}`;
  try {
    const url = new URL(full);
    return value !== "" && ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
