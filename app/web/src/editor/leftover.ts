// A copy of a document on this device whose edits can't be sent any more: the person may no longer
// edit the document, or not even see it. They are shown what would be lost, then it is removed.

import * as Y from "yjs";
import { IndexeddbPersistence } from "y-indexeddb";
import { copies, copyName, removeCopy } from "../copies.ts";
import { plainText } from "./plain.ts";

/** Whether this person's copy of a document holds unsent edits; null if there is no copy. */
export async function unsentCopy(person: string, document: string): Promise<boolean | null> {
  const name = copyName(person, document);
  return (await copies()).find((copy) => copy.name === name)?.unsent ?? null;
}

/** Show the template `leftover` after `place`, filled; returns once the copy is closed again. */
export async function showLeftover(name: string, place: Element): Promise<void> {
  const doc = new Y.Doc();
  const copy = new IndexeddbPersistence(name, doc);
  await copy.whenSynced;
  await copy.destroy();
  const template = document.getElementById("leftover") as HTMLTemplateElement;
  const notice = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  const text = notice.querySelector("textarea") as HTMLTextAreaElement;
  const format = doc.share.get("content") instanceof Y.Text ? "text" : guess(doc);
  text.value = plainText(doc, format);
  place.after(notice);
  notice.querySelector("[data-do=copy]")?.addEventListener("click", () => {
    text.select();
    void navigator.clipboard?.writeText(text.value);
  });
  notice.querySelector("[data-do=remove]")?.addEventListener("click", async () => {
    await removeCopy(name);
    notice.remove();
    document.getElementById("main")?.focus();
  });
}

/** Nothing in an update tells what its root is: the one that reads as something. */
function guess(doc: Y.Doc): "richtext" | "text" {
  const root = doc.share.get("content") as Y.AbstractType<unknown> | undefined;
  let item = root?._start ?? null;
  while (item !== null && item.deleted) item = item.right;
  return item?.content instanceof Y.ContentType ? "richtext" : "text";
}
