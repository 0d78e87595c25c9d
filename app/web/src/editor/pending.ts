// Which of this person's own edits on this device the server has not yet confirmed as stored.
//
// The server sends nothing before it is committed, and sends every update back to its author too.
// So an own insertion is stored once the server shows it (in an update, or by the state vector of
// its step 1), and an own deletion is stored once the server's messages contain it (in an update,
// or in a step 2, which always lists every deletion). What was not confirmed when the editor was
// closed is counted again when it opens: edits of an earlier session have another client id.

import * as Y from "yjs";

export type Range = [start: number, end: number];
export type Ranges = Map<number, Range[]>;

/** As it is kept on the device, by client id. */
export interface Unconfirmed {
  inserted: Ranges;
  deleted: Ranges;
}

export class PendingEdits {
  private inserted: Ranges = new Map();
  private deleted: Ranges = new Map();

  get empty(): boolean {
    return this.inserted.size === 0 && this.deleted.size === 0;
  }

  get unconfirmed(): Unconfirmed {
    return { inserted: new Map(this.inserted), deleted: new Map(this.deleted) };
  }

  /** An update made in this window. */
  made(update: Uint8Array): void {
    const { inserted, deleted } = contents(update);
    add(this.inserted, inserted);
    add(this.deleted, deleted);
  }

  /** What an earlier session left unconfirmed, as far as the document holds it. */
  restore(kept: Unconfirmed, doc: Y.Doc): void {
    const { sv, ds } = Y.snapshot(doc);
    const there: Ranges = new Map();
    for (const [client, clock] of sv) there.set(client, [[0, clock]]);
    add(this.inserted, common(kept.inserted, there));
    add(this.deleted, common(kept.deleted, rangesOf(ds)));
  }

  /** An update (or step 2) from the server. */
  confirmed(update: Uint8Array): void {
    if (this.empty) return;
    const { inserted, deleted } = contents(update);
    this.inserted = rest(this.inserted, inserted);
    this.deleted = rest(this.deleted, deleted);
  }

  /** The state vector in a step 1 from the server. */
  known(stateVector: Uint8Array): void {
    const stored: Ranges = new Map();
    for (const [client, clock] of Y.decodeStateVector(stateVector)) stored.set(client, [[0, clock]]);
    this.inserted = rest(this.inserted, stored);
  }
}

function add(to: Ranges, more: Ranges): void {
  for (const [client, ranges] of more) {
    const joined = [...(to.get(client) ?? [])];
    for (const [start, end] of ranges) {
      const last = joined.at(-1);
      if (last !== undefined && last[1] === start) joined[joined.length - 1] = [last[0], end];
      else joined.push([start, end]);
    }
    if (joined.length > 0) to.set(client, joined);
  }
}

function rest(ranges: Ranges, taken: Ranges): Ranges {
  const left: Ranges = new Map();
  for (const [client, own] of ranges) {
    const remaining = without(own, taken.get(client) ?? []);
    if (remaining.length > 0) left.set(client, remaining);
  }
  return left;
}

/** What two sets of ranges have in common. */
function common(ranges: Ranges, others: Ranges): Ranges {
  return rest(ranges, rest(ranges, others));
}

/** What remains of some ranges once others are taken away. */
function without(ranges: Range[], taken: Range[]): Range[] {
  let left = ranges;
  for (const [start, end] of taken) {
    if (left.length === 0) break;
    left = left.flatMap(([from, to]): Range[] => {
      const outside: Range[] = [
        [from, Math.min(to, start)],
        [Math.max(from, end), to],
      ];
      return outside.filter(([a, b]) => a < b);
    });
  }
  return left;
}

function contents(update: Uint8Array): { inserted: Ranges; deleted: Ranges } {
  const { structs, ds } = Y.decodeUpdate(update);
  const inserted: Ranges = new Map();
  for (const struct of structs) {
    // A Skip marks a gap in a merged update: nothing was stored there.
    if (struct instanceof Y.Skip) continue;
    const { client, clock } = struct.id;
    add(inserted, new Map([[client, [[clock, clock + struct.length]]]]));
  }
  return { inserted, deleted: rangesOf(ds) };
}

function rangesOf(deletions: ReturnType<typeof Y.decodeUpdate>["ds"]): Ranges {
  const found: Ranges = new Map();
  for (const [client, items] of deletions.clients) {
    found.set(
      client,
      items.map((item): Range => [item.clock, item.clock + item.len]),
    );
  }
  return found;
}
