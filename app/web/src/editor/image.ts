// The dialog that asks for a picture and its description. On a chosen picture, it changes that one.

import type { Editor } from "@tiptap/core";
import { element } from "./config.ts";
import { PICTURE_BYTES, PICTURE_KINDS, safeSource } from "./schema.ts";

export function askForImage(editor: Editor): void {
  const dialog = element<HTMLDialogElement>("image-dialog");
  const form = dialog.querySelector("form") as HTMLFormElement;
  const file = element<HTMLInputElement>("image-file");
  const address = element<HTMLInputElement>("image-url");
  const description = element<HTMLInputElement>("image-alt");
  const present = editor.isActive("image") ? editor.getAttributes("image") : {};
  const kept = safeSource(present["src"]);
  file.value = "";
  address.value = kept?.startsWith("https:") ? kept : "";
  description.value = (present["alt"] as string | undefined) ?? "";

  const finished = new AbortController();
  const until = { signal: finished.signal };
  const fields = [file, address, description];
  const clear = (): void => fields.forEach((field) => field.setCustomValidity(""));
  const refuse = (field: HTMLInputElement, reason: string): void => {
    field.setCustomValidity(dialog.dataset[reason] ?? reason);
    field.reportValidity();
  };
  clear();
  for (const field of fields) field.addEventListener("input", clear, until);
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      void send();
    },
    until,
  );
  element("image-cancel").addEventListener("click", () => dialog.close(), until);
  dialog.addEventListener("close", () => (finished.abort(), editor.commands.focus()), { once: true });
  dialog.showModal();

  async function send(): Promise<void> {
    clear();
    const chosen = file.files?.[0];
    if (chosen && !PICTURE_KINDS.includes(chosen.type)) return refuse(file, "kind");
    if (chosen && chosen.size > PICTURE_BYTES) return refuse(file, "large");
    const typed = address.value.trim();
    const src = chosen ? await read(chosen) : typed === "" ? kept : safeSource(typed);
    if (src === null) return refuse(typed === "" ? file : address, typed === "" ? "missing" : "address");
    const alt = description.value.trim();
    if (alt === "") return refuse(description, "alt");
    if (finished.signal.aborted) return;
    dialog.close();
    if (kept === null) editor.chain().focus().setImage({ src, alt }).run();
    else editor.chain().focus().updateAttributes("image", { src, alt }).run();
  }
}

function read(file: File): Promise<string | null> {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(safeSource(reader.result)));
    reader.addEventListener("error", () => resolve(null));
    reader.readAsDataURL(file);
  });
}
