// What a rich text document may hold: the schema of the editor, which the server's conversions know too
// (app/conversion/schema.py).

import { type Extensions, Mark } from "@tiptap/core";
import Image from "@tiptap/extension-image";
import { TableKit } from "@tiptap/extension-table";
import StarterKit from "@tiptap/starter-kit";

export const PICTURE_BYTES = 512 * 1024;
export const PICTURE_KINDS = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const DATA = new RegExp(`^data:(${PICTURE_KINDS.join("|")});base64,[A-Za-z0-9+/]+={0,2}$`);
const REMOTE = /^https:\/\/[^\s"'<>\\]{1,2000}$/i;

/** Where a picture may come from: from inside the document, within limits, or from the web by https. */
export function safeSource(source: unknown): string | null {
  if (typeof source !== "string") return null;
  if (REMOTE.test(source)) return source;
  return source.length <= (PICTURE_BYTES * 4) / 3 + 100 && DATA.test(source) ? source : null;
}

const Picture = Image.extend({
  addAttributes() {
    return {
      ...this.parent?.(),
      src: {
        default: null,
        renderHTML: ({ src }) => (safeSource(src) === null ? {} : { src }),
      },
      // A picture without a description shows so to who writes, and is skipped by who listens.
      alt: { default: "", parseHTML: (element) => element.getAttribute("alt") ?? "" },
    };
  },
  parseHTML() {
    return [{ tag: "img[src]", getAttrs: (img) => (safeSource(img.getAttribute("src")) === null ? false : null) }];
  },
  addInputRules: () => [],
});

/** Text in another language than the document's (WCAG 3.1.2). */
const Language = Mark.create({
  name: "language",
  addAttributes: () => ({ lang: { default: null } }),
  parseHTML: () => [{ tag: "span[lang]" }],
  renderHTML: ({ HTMLAttributes }) => ["span", HTMLAttributes, 0],
});

export function schemaExtensions({ openLinks }: { openLinks: boolean }): Extensions {
  return [
    // The shared history replaces the local one: undo takes back one's own edits only.
    // Opening is not editing: no paragraph is put after a last table unless somebody writes one.
    StarterKit.configure({ undoRedo: false, trailingNode: false, link: { openOnClick: openLinks, autolink: true } }),
    TableKit.configure({ table: { resizable: false } }),
    Picture.configure({ inline: true, allowBase64: true }),
    Language,
  ];
}
