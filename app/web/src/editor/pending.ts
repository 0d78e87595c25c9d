// Which of this window's own edits the server has not yet confirmed as stored.
//
// The server sends nothing before it is committed, and sends every update back to its author too.
// So an own insertion is stored once the server shows it (in an update, or by the state vector of
// its step 1), and an own deletion is stored once the server's messages contain it (in an update,
// or in a step 2, which always lists every deletion).

import * as Y from "yjs";

type Range = [start: number, end: number];

export class PendingEdits {
  private readonly clientID: number;
  private insertions: Range[] = [];
  private deletions = new Map<number, Range[]>();

  constructor(clientID: number) {
    this.clientID = clientID;
  }

  get empty(): boolean {
    return this.insertions.length === 0 && this.deletions.size === 0;
  }

  /** An update made in this window. */
  made(update: Uint8Array): void {
    const { inserted, deleted } = contents(update, this.clientID);
    this.insertions.push(...inserted);
    for (const [client, ranges] of deleted) {
      this.deletions.set(client, [...(this.deletions.get(client) ?? []), ...ranges]);
    }
  }

  /** An update (or step 2) from the server. */
  confirmed(update: Uint8Array): void {
    const { inserted, deleted } = contents(update, this.clientID);
    this.insertions = without(this.insertions, inserted);
    for (const [client, ranges] of deleted) {
      const left = without(this.deletions.get(client) ?? [], ranges);
      if (left.length > 0) this.deletions.set(client, left);
      else this.deletions.delete(client);
    }
  }

  /** The state vector in a step 1 from the server. */
  known(stateVector: Uint8Array): void {
    const clock = Y.decodeStateVector(stateVector).get(this.clientID) ?? 0;
    this.insertions = without(this.insertions, [[0, clock]]);
  }
}

/** What remains of some ranges once others are taken away. */
function without(ranges: Range[], taken: Range[]): Range[] {
  let left = ranges;
  for (const [start, end] of taken) {
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

function contents(update: Uint8Array, clientID: number): { inserted: Range[]; deleted: Map<number, Range[]> } {
  const { structs, ds } = Y.decodeUpdate(update);
  // A Skip marks a gap in a merged update: nothing was stored there.
  const own = structs.filter((struct) => struct.id.client === clientID && !(struct instanceof Y.Skip));
  const deleted = new Map<number, Range[]>();
  for (const [client, items] of ds.clients) {
    deleted.set(
      client,
      items.map((item): Range => [item.clock, item.clock + item.len]),
    );
  }
  return { inserted: own.map((struct): Range => [struct.id.clock, struct.id.clock + struct.length]), deleted };
}
