// Which of this window's own edits the server has not yet confirmed as stored.
//
// The server sends nothing before it is committed, and sends every update back to its author too.
// So an own insertion is stored once the server shows our client id at that clock or later (in an
// update, or in the state vector of its step 1), and an own deletion is stored once the server's
// messages contain it (in an update, or in a step 2, which always lists every deletion).

import * as Y from "yjs";

type Range = [start: number, end: number];

export class PendingEdits {
  private written = 0;
  private stored = 0;
  private deletions = new Map<number, Range[]>();
  private readonly clientID: number;

  constructor(clientID: number) {
    this.clientID = clientID;
  }

  get empty(): boolean {
    return this.stored >= this.written && this.deletions.size === 0;
  }

  /** An update made in this window. */
  made(update: Uint8Array): void {
    const { clock, deletions } = contents(update, this.clientID);
    this.written = Math.max(this.written, clock);
    for (const [client, ranges] of deletions) {
      this.deletions.set(client, [...(this.deletions.get(client) ?? []), ...ranges]);
    }
  }

  /** An update (or step 2) from the server. */
  confirmed(update: Uint8Array): void {
    const { clock, deletions } = contents(update, this.clientID);
    this.stored = Math.max(this.stored, clock);
    for (const [client, ranges] of deletions) this.subtract(client, ranges);
  }

  /** The state vector in a step 1 from the server. */
  known(stateVector: Uint8Array): void {
    this.stored = Math.max(this.stored, Y.decodeStateVector(stateVector).get(this.clientID) ?? 0);
  }

  private subtract(client: number, stored: Range[]): void {
    let left = this.deletions.get(client);
    if (left === undefined) return;
    for (const [start, end] of stored) {
      left = left.flatMap(([from, to]): Range[] => {
        const outside: Range[] = [
          [from, Math.min(to, start)],
          [Math.max(from, end), to],
        ];
        return outside.filter(([a, b]) => a < b);
      });
    }
    if (left.length > 0) this.deletions.set(client, left);
    else this.deletions.delete(client);
  }
}

function contents(update: Uint8Array, clientID: number): { clock: number; deletions: Map<number, Range[]> } {
  const { structs, ds } = Y.decodeUpdate(update);
  let clock = 0;
  for (const struct of structs) {
    // A Skip marks a gap in a merged update: it stands for nothing that was stored.
    if (struct.id.client === clientID && !(struct instanceof Y.Skip)) {
      clock = Math.max(clock, struct.id.clock + struct.length);
    }
  }
  const deletions = new Map<number, Range[]>();
  for (const [client, items] of ds.clients) {
    deletions.set(
      client,
      items.map((item): Range => [item.clock, item.clock + item.len]),
    );
  }
  return { clock, deletions };
}
