// The document's copy on this device: y-indexeddb, and beside it what is not confirmed yet.

import { IndexeddbPersistence } from "y-indexeddb";
import type * as Y from "yjs";
import { copyName, isOfEarlierEpoch, noteCopy, removeCopy } from "../copies.ts";
import type { Config } from "./config.ts";
import type { PendingEdits, Unconfirmed } from "./pending.ts";

const PATIENCE = 5_000; // for a browser that does not say whether it can store anything

export class LocalCopy {
  /** Whether it may hold text that was redacted since: to be sent from, not to be shown. */
  readonly outdated: boolean;
  private readonly persistence: IndexeddbPersistence;
  private readonly database: IDBDatabase;
  private readonly key: string;
  private broken = false;
  private unsent: boolean | null = null;
  private earlier: string[] = []; // what earlier sessions noted

  private constructor(
    persistence: IndexeddbPersistence,
    database: IDBDatabase,
    client: number,
    outdated: boolean,
  ) {
    this.persistence = persistence;
    this.database = database;
    this.outdated = outdated;
    this.key = `unconfirmed:${client}`;
    // Most of all: no room is left on the device.
    database.addEventListener("abort", () => (this.broken = true));
  }

  /** The copy, read into `doc`; null where the browser keeps nothing. */
  static async open({ user, document, epoch }: Config, doc: Y.Doc): Promise<LocalCopy | null> {
    const person = user.id;
    let outdated: boolean;
    try {
      outdated = await isOfEarlierEpoch(person, document, epoch);
      // An outdated copy stays one until it is removed, when it is opened again with nothing unsent.
      await noteCopy(person, document, outdated ? {} : { epoch });
    } catch {
      return null;
    }
    const persistence = new IndexeddbPersistence(copyName(person, document), doc);
    const late = new Promise<null>((resolve) => setTimeout(resolve, PATIENCE, null));
    const ready = await Promise.race([persistence.whenSynced, late]);
    if (ready === null || persistence.db === null) {
      void persistence.destroy();
      return null;
    }
    return new LocalCopy(persistence, persistence.db, doc.clientID, outdated);
  }

  /** Updates with this origin come from the copy. */
  get origin(): unknown {
    return this.persistence;
  }

  /** Count what earlier sessions left unconfirmed. */
  async restore(pending: PendingEdits): Promise<void> {
    const kept = await this.kept();
    this.earlier = Object.keys(kept);
    for (const unconfirmed of Object.values(kept)) pending.restore(unconfirmed, this.persistence.doc);
    this.note(pending);
  }

  /** Keep what is not confirmed yet; to be called at each change of it. */
  note(pending: PendingEdits): void {
    const unsent = !pending.empty;
    const store = this.custom("readwrite");
    if (unsent) {
      store.put(pending.unconfirmed, this.key);
    } else {
      for (const key of [this.key, ...this.earlier.splice(0)]) store.delete(key);
    }
    if (unsent !== this.unsent) {
      this.unsent = unsent;
      const [, person, document] = this.persistence.name.split(":") as [string, string, string];
      noteCopy(person, document, { unsent }).catch(() => (this.broken = true));
    }
  }

  /** Whether everything that the document holds now is on the device. */
  async stored(): Promise<boolean> {
    if (this.broken) return false;
    // A reader of the store waits for the writers before it.
    const counting = this.database.transaction("updates").objectStore("updates").count();
    const read = await new Promise<boolean>((resolve) => {
      counting.onsuccess = () => resolve(true);
      counting.onerror = () => resolve(false);
    });
    return read && !this.broken;
  }

  /** Close it; the device keeps it. */
  close(): Promise<void> {
    return this.persistence.destroy();
  }

  async remove(): Promise<void> {
    await this.close();
    await removeCopy(this.persistence.name);
  }

  private custom(mode: IDBTransactionMode): IDBObjectStore {
    return this.database.transaction("custom", mode).objectStore("custom");
  }

  private async kept(): Promise<Record<string, Unconfirmed>> {
    const store = this.custom("readonly");
    const [keys, values] = [store.getAllKeys(), store.getAll()];
    await new Promise((resolve, reject) => {
      store.transaction.oncomplete = resolve;
      store.transaction.onabort = reject;
    });
    return Object.fromEntries(keys.result.map((key, i) => [String(key), values.result[i] as Unconfirmed]));
  }
}
