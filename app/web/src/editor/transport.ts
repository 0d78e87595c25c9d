// How the document travels: an unmodified y-websocket provider with a ticket that stays fresh, and
// plain HTTP for as long as websockets do not get through.

import * as decoding from "lib0/decoding";
import * as syncProtocol from "y-protocols/sync";
import { WebsocketProvider } from "y-websocket";
import type * as Y from "yjs";
import type { Config } from "./config.ts";
import { Fallback } from "./fallback.ts";
import { fetchConfig, fetchTicket, TicketRefused } from "./ticket.ts";

const [SYNC, DENIED] = [0, 2];
const SIGN_IN = 4401;
const FORBIDDEN = 4403;
const REDACTED = 4510;
const REFRESH_AHEAD = 5 * 60_000;
const RETRY_AFTER = 5_000;
const FAILURES = 2; // websockets that may fail before the fallback begins
const IMPATIENCE = 4_000; // after so long it begins even if none has failed
const HOPELESS = 12_000; // a websocket that is not open by then never will be
const [QUICKLY, SLOWLY] = [2_500, 15_000]; // between two tries of a websocket, at most
const OUTDATED = 10 * 60_000;

export interface Traffic {
  /** It is in step with the server, or is no longer. */
  changed(): void;
  known(stateVector: Uint8Array): void;
  confirmed(update: Uint8Array): void;
  /** The server says no for good. */
  refused(code: number): void;
  /** The server has another editor by now, which may know more than this one. */
  outdated(): void;
  readonly unconfirmed: boolean;
}

export class Transport {
  readonly provider: WebsocketProvider;
  private readonly fallback: Fallback;
  private readonly config: Config;
  private readonly traffic: Traffic;
  private expires = 0;
  private welcomed = false; // since the last refusal
  private over = false;
  private stale: boolean; // the page may not be what the server would give
  private away = Date.now(); // since when there is no connection
  private failures = 0;
  private timer: number | undefined;
  private impatience: number[] = [];

  constructor(config: Config, doc: Y.Doc, traffic: Traffic) {
    this.config = config;
    this.traffic = traffic;
    this.stale = config.kept;
    const base = location.origin.replace(/^http/, "ws") + "/live";
    // Other tabs must not see an edit before the server has stored it: no BroadcastChannel.
    this.provider = new WebsocketProvider(base, config.document, doc, { connect: false, disableBc: true });
    const { awareness } = this.provider;
    const transport = this;
    this.fallback = new Fallback(`/api/v1/documents/${config.document}/updates`, doc, awareness, {
      changed: () => this.fallbackChanged(),
      known: (stateVector) => traffic.known(stateVector),
      confirmed: (update) => traffic.confirmed(update),
      refused: (code) => this.end(code),
      signedInAnew: () => this.freshen(),
      get unconfirmed() {
        return transport.config.mayEdit && traffic.unconfirmed;
      },
      get csrf() {
        return transport.config.csrf;
      },
    });
    this.watchMessages();
    this.watchSocket();
    this.watchNetwork();
    // Where websockets cannot even be made, the provider does not try again by itself.
    setInterval(() => this.connect(), SLOWLY);
  }

  get synced(): boolean {
    return this.provider.synced || this.fallback.synced;
  }

  /** Whether an update with this origin came from the server. */
  brought(origin: unknown): boolean {
    return origin === this.provider || origin === this.fallback;
  }

  /** Hand over an update made in this window; the provider has seen it already. */
  push(update: Uint8Array): void {
    this.fallback.push(update);
  }

  /** Connect; goes on trying while the server cannot be reached. */
  async open(): Promise<void> {
    if (this.over || (this.stale && !(await this.freshen()))) return;
    if ((await this.refresh()) && !this.over) {
      this.provider.shouldConnect = true;
      this.connect();
    }
  }

  private connect(): void {
    if (this.over || !this.provider.shouldConnect || this.provider.ws !== null) return;
    try {
      this.provider.connect();
    } catch {
      this.failures = FAILURES;
      this.fallBack();
    }
  }

  private watchMessages(): void {
    const { provider, traffic } = this;
    const handle = provider.messageHandlers[SYNC];
    if (handle === undefined) throw new Error("y-websocket handles no sync messages");
    provider.messageHandlers[SYNC] = (encoder, decoder, ...rest) => {
      const ahead = decoding.clone(decoder);
      handle(encoder, decoder, ...rest);
      const step = decoding.readVarUint(ahead);
      const body = decoding.readVarUint8Array(ahead);
      if (step === syncProtocol.messageYjsSyncStep1) traffic.known(body);
      else traffic.confirmed(body);
    };
    provider.messageHandlers[DENIED] = () => this.end(FORBIDDEN);
  }

  private watchSocket(): void {
    const provider = this.provider;
    provider.on("status", ({ status }: { status: string }) => {
      if (status === "connecting") this.growImpatient();
    });
    provider.on("sync", (synced: boolean) => {
      if (synced) this.welcomed = true;
      if (synced) this.socketWorks();
      else this.away = Date.now();
      this.traffic.changed();
    });
    provider.on("connection-close", (event: CloseEvent | null) => {
      // It has just forgotten everybody's presence.
      this.fallback.forgetPresence();
      if (!provider.synced && ++this.failures >= FAILURES) this.fallBack();
      if (Date.now() > this.expires - REFRESH_AHEAD) void this.refresh();
      this.traffic.changed();
      if (event?.code === REDACTED) void this.freshen(); // undoing a deletion would bring it back
    });
    provider.on("closed", ({ code }: { code: number }) => void this.closed(code));
  }

  private watchNetwork(): void {
    // A dead network shows itself to the websocket only after half a minute; the browser knows at once.
    addEventListener("offline", () => {
      if (this.over) return;
      this.calmDown();
      this.provider.disconnect();
      this.fallback.stop();
      this.traffic.changed();
    });
    addEventListener("online", () => void this.open());
  }

  private growImpatient(): void {
    this.calmDown();
    const socket = this.provider.ws;
    this.impatience = [
      window.setTimeout(() => this.fallBack(), IMPATIENCE),
      window.setTimeout(() => socket?.readyState === WebSocket.CONNECTING && socket.close(), HOPELESS),
    ];
  }

  private calmDown(): void {
    for (const timer of this.impatience.splice(0)) clearTimeout(timer);
  }

  private socketWorks(): void {
    this.calmDown();
    this.failures = 0;
    this.provider.maxBackoffTime = QUICKLY;
    this.fallback.stop();
  }

  private fallBack(): void {
    if (!this.over && !this.provider.synced && navigator.onLine) this.fallback.start();
  }

  private fallbackChanged(): void {
    if (this.fallback.synced) {
      // The server is there, so a websocket either works now or is blocked.
      if (this.provider.maxBackoffTime === QUICKLY) this.connect();
      this.provider.maxBackoffTime = SLOWLY;
    } else {
      this.provider.maxBackoffTime = QUICKLY;
      this.away = Date.now();
    }
    this.traffic.changed();
  }

  private async closed(code: number): Promise<void> {
    // The ticket that it came in by ran out, or one did while the computer slept: a new one is worth a try.
    const again = this.welcomed || Date.now() > this.expires;
    this.welcomed = false;
    if (code === SIGN_IN && again && (await this.refresh())) this.provider.connect();
    else this.end(code);
  }

  private end(code: number): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.calmDown();
    this.provider.disconnect();
    this.fallback.stop();
    this.traffic.refused(code);
  }

  /** Whether a ticket was got. */
  private async refresh(again = true): Promise<boolean> {
    clearTimeout(this.timer);
    if (!this.synced && Date.now() - this.away > OUTDATED && !(await this.freshen())) return false;
    try {
      const ticket = await fetchTicket(this.config.document, this.config.csrf);
      this.expires = ticket.expires;
      this.provider.params = { token: ticket.token };
      const wait = Math.max(ticket.expires - Date.now() - REFRESH_AHEAD, RETRY_AFTER);
      this.timer = window.setTimeout(() => void this.refresh(), wait);
      return true;
    } catch (error) {
      if (error instanceof TicketRefused && error.code === "csrf_failed") {
        if (again && (await this.freshen())) return await this.refresh(false);
      } else {
        this.failed(error);
      }
      return false;
    }
  }

  /** Whether the page was, or now is, what the server would give to the same person. */
  private async freshen(): Promise<boolean> {
    clearTimeout(this.timer);
    try {
      const now = await fetchConfig();
      if (now.user.id !== this.config.user.id) this.end(SIGN_IN);
      else if (this.config.mayEdit && !now.mayEdit) this.end(FORBIDDEN);
      else if (!this.isCurrent(now)) this.traffic.outdated();
      this.config.csrf = now.csrf;
      this.stale = false;
      this.away = Date.now();
      return !this.over && this.isCurrent(now);
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** Whether this editor is the server's, and shows a text from which nothing was redacted since. */
  private isCurrent(now: Config): boolean {
    return now.script === this.config.script && now.epoch === this.config.epoch;
  }

  private failed(error: unknown): void {
    const final = error instanceof TicketRefused && [401, 403, 404].includes(error.status);
    if (final) this.end(4000 + error.status);
    else if (!this.over) this.timer = window.setTimeout(() => void this.open(), RETRY_AFTER);
  }
}
