// One live document in this window: its copy on the device, its way to the server, and what the
// save indicator needs to know.

import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { Places } from "./away.ts";
import type { Config } from "./config.ts";
import { LocalCopy } from "./local.ts";
import { PendingEdits } from "./pending.ts";
import { Transport } from "./transport.ts";

/**
 * saved: the server has committed everything. saving: it is about to. device: it has not, but the
 * edits are kept on this device. reconnecting: nothing is unsent, but news cannot come. unsaved:
 * edits are in this window alone.
 */
export type Save = "connecting" | "saving" | "saved" | "device" | "reconnecting" | "unsaved";

const PATIENCE = 3_000; // for the server to confirm, before "saving" is not the word any more
const STORING = 1_000; // for the device to store
const GONE = [4403, 4404];

export interface Listener {
  save(state: Save): void;
  /** There is a text to show and, with the right to, to edit. */
  ready(): void;
  refused(code: number): void;
  /** Back in step with the server after some time without; others changed so many places. */
  returned(places: number): void;
}

export class Connection {
  readonly doc = new Y.Doc();
  readonly provider: { awareness: Awareness };
  private readonly transport: Transport;
  private readonly pending = new PendingEdits();
  private readonly places: Places;
  private readonly config: Config;
  private readonly listener: Listener;
  private local: LocalCopy | null = null;
  private isReady = false;
  private isSynced = false;
  private over = false;
  private unconfirmedSince: number | null = null;
  private unstoredSince: number | null = null;
  private edits = 0;
  private timer: number | undefined;

  constructor(config: Config, listener: Listener) {
    this.config = config;
    this.listener = listener;
    const { pending } = this;
    this.transport = new Transport(config, this.doc, {
      changed: () => this.carried(),
      known: (stateVector) => this.settle(() => pending.known(stateVector)),
      confirmed: (update) => this.settle(() => pending.confirmed(update)),
      refused: (code) => void this.end(code),
      outdated: () => void this.startAgain(),
      get unconfirmed() {
        return !pending.empty;
      },
    });
    this.provider = this.transport.provider;
    this.places = new Places(
      this.doc,
      config.format,
      (origin) => this.isReady && !this.isSynced && this.transport.brought(origin),
    );
  }

  /** Read the copy on the device and `keep` one there, then connect. */
  async open({ keep }: { keep: boolean }): Promise<void> {
    if (keep) this.local = await LocalCopy.open(this.config, this.doc);
    if (this.local !== null) {
      await this.local.restore(this.pending);
      if (!this.pending.empty) this.unconfirmedSince = 0;
      if (this.doc.store.clients.size > 0 && !this.local.outdated) this.beReady();
    }
    this.doc.on("update", (update: Uint8Array, origin: unknown) => this.updated(update, origin));
    this.tell();
    await this.transport.open();
  }

  /** Whether closing the window would lose something. */
  get losable(): boolean {
    return !this.over && !this.pending.empty && (this.local === null || this.unstoredSince !== null);
  }

  /** Whether a copy is kept on the device. */
  get kept(): boolean {
    return this.local !== null;
  }

  /** Let go of the copy on the device, which may then be removed. */
  async release(): Promise<void> {
    this.over = true;
    await this.local?.close();
    this.local = null;
  }

  async removeCopy(): Promise<void> {
    const local = this.local;
    this.local = null;
    await local?.remove();
  }

  private updated(update: Uint8Array, origin: unknown): void {
    if (this.transport.brought(origin)) return;
    if (this.local !== null && origin === this.local.origin) return;
    this.pending.made(update);
    this.unconfirmedSince ??= Date.now();
    this.local?.note(this.pending);
    void this.awaitStored();
    this.transport.push(update);
    this.tell();
  }

  private async awaitStored(): Promise<void> {
    this.edits += 1;
    if (this.unstoredSince !== null) return;
    this.unstoredSince = Date.now();
    let edits: number;
    let stored: boolean;
    do {
      edits = this.edits;
      stored = (await this.local?.stored()) ?? false;
    } while (stored && edits !== this.edits);
    if (stored) this.unstoredSince = null;
    this.tell();
  }

  private settle(work: () => void): void {
    if (this.pending.empty) return;
    work();
    if (!this.pending.empty) return;
    this.unconfirmedSince = null;
    this.unstoredSince = null;
    this.local?.note(this.pending);
    this.tell();
  }

  private carried(): void {
    const synced = this.transport.synced;
    if (synced && !this.isSynced) {
      const places = this.places.take();
      if (places > 0) this.listener.returned(places);
    }
    this.isSynced = synced;
    if (synced) this.beReady();
    this.tell();
  }

  private beReady(): void {
    if (this.isReady) return;
    this.isReady = true;
    this.listener.ready();
  }

  private tell(): void {
    clearTimeout(this.timer);
    if (this.over) return;
    this.listener.save(this.state());
    if (!this.pending.empty) this.timer = window.setTimeout(() => this.tell(), STORING);
  }

  private state(): Save {
    if (!this.isReady) return "connecting";
    if (this.unconfirmedSince === null) return this.isSynced ? "saved" : "reconnecting";
    const now = Date.now();
    if (this.isSynced && now - this.unconfirmedSince < PATIENCE) return "saving";
    if (this.local !== null && this.unstoredSince === null) return "device";
    return now - (this.unstoredSince ?? 0) < STORING ? "saving" : "unsaved";
  }

  private async end(code: number): Promise<void> {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.listener.refused(code);
    // The text stays readable in this window until it is closed; nowhere else.
    if (GONE.includes(code)) await this.removeCopy();
  }

  /** The page is older than the server: what is here is kept on the device, the new page sends it. */
  private async startAgain(): Promise<void> {
    if (this.over) return;
    if (this.losable && !((await this.local?.stored()) ?? false)) await this.end(4400);
    else location.reload();
  }
}
