// How many places of a text others changed while it was shown here without a connection.

import * as Y from "yjs";

export class Places {
  private readonly blocks = new Set<number>();
  private others = 0;

  constructor(doc: Y.Doc, format: "richtext" | "text", counts: (origin: unknown) => boolean) {
    const root = format === "text" ? doc.getText("content") : doc.getXmlFragment("content");
    root.observeDeep((events, transaction) => {
      if (!counts(transaction.origin)) return;
      for (const event of events) {
        const block = event.path[0];
        if (typeof block === "number") this.blocks.add(block);
        else this.others += places(event, format);
      }
    });
  }

  /** The number so far; counting begins anew. */
  take(): number {
    const found = this.blocks.size + this.others;
    this.blocks.clear();
    this.others = 0;
    return found;
  }
}

/** In plain text each stretch that differs is a place, else each block that came or went. */
function places(event: Pick<Y.YEvent<Y.XmlFragment>, "delta">, format: "richtext" | "text"): number {
  let found = 0;
  let inPlace = false;
  for (const { insert, delete: removed, retain } of event.delta) {
    if (retain !== undefined) {
      inPlace = false;
    } else if (format === "text") {
      if (!inPlace) found += 1;
      inPlace = true;
    } else {
      found += Array.isArray(insert) ? insert.length : (removed ?? 0);
    }
  }
  return found;
}
