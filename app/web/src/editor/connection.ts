// The document's connection: an unmodified y-websocket provider, a ticket that stays fresh, and
// what the save indicator needs to know.

import * as decoding from "lib0/decoding";
import * as syncProtocol from "y-protocols/sync";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import type { Config } from "./config.ts";
import { PendingEdits } from "./pending.ts";
import { fetchTicket, type Ticket, TicketRefused } from "./ticket.ts";

export type Save = "connecting" | "saving" | "saved" | "reconnecting";

const MESSAGE_SYNC = 0;
const SIGN_IN = 4401;
const REFRESH_AHEAD = 5 * 60_000;
const RETRY_AFTER = 5_000;

export interface Listener {
  save(state: Save): void;
  ready(): void;
  refused(code: number): void;
}

export class Connection {
  readonly doc = new Y.Doc();
  readonly provider: WebsocketProvider;
  private readonly pending = new PendingEdits(this.doc.clientID);
  private expires = 0;
  private everSynced = false;
  private over = false;
  private timer: number | undefined;
  private readonly config: Config;
  private readonly listener: Listener;

  constructor(config: Config, listener: Listener) {
    this.config = config;
    this.listener = listener;
    const base = location.origin.replace(/^http/, "ws") + "/live";
    // Other tabs must not see an edit before the server has stored it: no BroadcastChannel.
    this.provider = new WebsocketProvider(base, config.document, this.doc, { connect: false, disableBc: true });
    this.watch();
    this.watchNetwork();
  }

  /** Fetch a ticket and connect; goes on trying while the server cannot be reached. */
  async open(): Promise<void> {
    if ((await this.refresh()) && !this.over) this.provider.connect();
  }

  get saved(): boolean {
    return this.pending.empty;
  }

  private watch(): void {
    const provider = this.provider;
    const handle = provider.messageHandlers[MESSAGE_SYNC];
    if (handle === undefined) throw new Error("y-websocket handles no sync messages");
    provider.messageHandlers[MESSAGE_SYNC] = (encoder, decoder, ...rest) => {
      const ahead = decoding.clone(decoder);
      handle(encoder, decoder, ...rest);
      this.confirm(ahead);
    };
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin === provider) return;
      this.pending.made(update);
      this.tell();
    });
    provider.on("sync", (synced: boolean) => {
      if (synced && !this.everSynced) {
        this.everSynced = true;
        this.listener.ready();
      }
      this.tell();
    });
    provider.on("status", () => this.tell());
    provider.on("connection-close", () => {
      if (Date.now() > this.expires - REFRESH_AHEAD) void this.refresh();
      this.tell();
    });
    provider.on("closed", ({ code }: { code: number }) => void this.closed(code));
  }

  private watchNetwork(): void {
    // A dead network shows itself to the websocket only after half a minute; the browser knows at once.
    addEventListener("offline", () => {
      if (!this.over) this.provider.disconnect();
    });
    addEventListener("online", () => {
      if (!this.over) void this.open();
    });
  }

  private confirm(decoder: decoding.Decoder): void {
    const kind = decoding.readVarUint(decoder);
    const body = decoding.readVarUint8Array(decoder);
    if (kind === syncProtocol.messageYjsSyncStep1) this.pending.known(body);
    else this.pending.confirmed(body);
    this.tell();
  }

  private tell(): void {
    if (this.over) return;
    if (!this.everSynced) this.listener.save("connecting");
    else if (!this.provider.synced) this.listener.save("reconnecting");
    else this.listener.save(this.pending.empty ? "saved" : "saving");
  }

  private async closed(code: number): Promise<void> {
    // A ticket that ran out while the computer slept is worth one more try with a new one.
    if (code === SIGN_IN && Date.now() > this.expires && (await this.refresh())) this.provider.connect();
    else this.end(code);
  }

  private end(code: number): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.provider.disconnect();
    this.listener.refused(code);
  }

  private async refresh(): Promise<boolean> {
    clearTimeout(this.timer);
    try {
      this.use(await fetchTicket(this.config.document, this.config.csrf));
      return true;
    } catch (error) {
      const final = error instanceof TicketRefused && [401, 403, 404].includes(error.status);
      if (final) this.end(4000 + error.status);
      else this.timer = window.setTimeout(() => void this.open(), RETRY_AFTER);
      return false;
    }
  }

  private use(ticket: Ticket): void {
    this.expires = ticket.expires;
    this.provider.params = { token: ticket.token };
    const wait = Math.max(ticket.expires - Date.now() - REFRESH_AHEAD, RETRY_AFTER);
    this.timer = window.setTimeout(() => void this.refresh(), wait);
  }
}
