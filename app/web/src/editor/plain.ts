// A document as text without marks, for copying.

import * as Y from "yjs";
import type { Config } from "./config.ts";

export function plainText(doc: Y.Doc, format: Config["format"]): string {
  if (format === "text") return doc.getText("content").toString();
  return lines(doc.getXmlFragment("content")).join("\n");
}

function lines(parent: Y.XmlFragment): string[] {
  const found: string[] = [];
  let line = "";
  const end = (): void => {
    if (line !== "") found.push(line);
    line = "";
  };
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlText) {
      const runs = child.toDelta() as { insert: unknown }[];
      line += runs.map(({ insert }) => (typeof insert === "string" ? insert : "")).join("");
    } else if (child instanceof Y.XmlElement && child.nodeName === "hardBreak") {
      line += "\n";
    } else if (child instanceof Y.XmlElement) {
      end();
      const inner = lines(child);
      found.push(...(inner.length > 0 ? inner : [""]));
    }
  }
  end();
  return found;
}
