// The document over plain HTTP, for as long as websockets do not get through.
//
// One request waits for news, another hands over what was written since the last. What they carry
// are the messages of the websocket. An answer to what was handed over means that it is committed.

import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { applyAwarenessUpdate, type Awareness, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import * as Y from "yjs";

const SYNC = 0;
const AWARENESS = 1;
const DENIED = 2;
const STEP1 = 0;
const UPDATE = 2;
const TYPE = "application/vnd.yjs.messages";
const WAIT = 25; // seconds
const BATCH = 80; // milliseconds
const PATIENCE = (WAIT + 15) * 1000;
const [FIRST_PAUSE, LONGEST_PAUSE] = [500, 8_000];

export interface Carrier {
  /** An answer came, or none does any more. */
  changed(): void;
  /** The server's state vector. */
  known(stateVector: Uint8Array): void;
  /** The server has stored this update. */
  confirmed(update: Uint8Array): void;
  /** The server says no for good, in the terms of the websocket's close codes. */
  refused(code: number): void;
  /** The sign-in is another than the page was made for, or text was redacted from what it shows. */
  signedInAnew(): Promise<boolean>;
  /** Whether there are edits that the server has not confirmed. */
  readonly unconfirmed: boolean;
  /** The CSRF token of the session. */
  readonly csrf: string;
}

class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(`${status} ${code}`);
    this.status = status;
    this.code = code;
  }
}

export class Fallback {
  synced = false;
  private readonly doc: Y.Doc;
  private readonly awareness: Awareness;
  private readonly url: string;
  private readonly carrier: Carrier;
  private running: AbortController | null = null;
  private version: string | null = null;
  private serverVector: Uint8Array = Y.encodeStateVector(new Map());
  private unsent: Uint8Array[] = [];
  private presence = false;
  private sending = false;

  constructor(url: string, doc: Y.Doc, awareness: Awareness, carrier: Carrier) {
    this.url = url;
    this.doc = doc;
    this.awareness = awareness;
    this.carrier = carrier;
    awareness.on("update", (changes: { added: number[]; updated: number[]; removed: number[] }) => {
      if ([...changes.added, ...changes.updated, ...changes.removed].includes(doc.clientID)) this.tellPresence();
    });
    addEventListener("pagehide", () => this.takeLeave());
  }

  get active(): boolean {
    return this.running !== null;
  }

  start(): void {
    if (this.running !== null) return;
    this.running = new AbortController();
    this.version = null;
    void this.follow(this.running.signal);
  }

  /** Something else carries the document now. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    this.unsent = [];
    this.synced = false;
  }

  /** An update made in this window. */
  push(update: Uint8Array): void {
    // Before the first answer it is part of what that makes us send.
    if (!this.synced) return;
    this.unsent.push(update);
    this.sendSoon();
  }

  /** Ask for everybody's presence again: something else has forgotten it. */
  forgetPresence(): void {
    this.version = null;
  }

  private tellPresence(): void {
    this.presence = true;
    if (this.synced) this.sendSoon();
  }

  private async follow(signal: AbortSignal): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        const wait = this.version === null ? 0 : WAIT;
        const frames = await this.ask([step1(this.doc)], { wait: String(wait) }, signal);
        if (signal.aborted) return;
        for (const frame of frames) this.read(frame);
        pause = FIRST_PAUSE;
        if (!this.synced) this.catchUp();
      } catch (error) {
        if (signal.aborted || (await this.isOver(error))) return;
        this.lost();
        await sleep(pause * (0.5 + Math.random()), signal);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  /** In step with the server: hand over what it lacks. */
  private catchUp(): void {
    this.synced = true;
    this.presence = true;
    this.unsent = this.carrier.unconfirmed ? [Y.encodeStateAsUpdate(this.doc, this.serverVector)] : [];
    this.sendSoon();
    this.carrier.changed();
  }

  private sendSoon(): void {
    if (this.sending || this.running === null) return;
    this.sending = true;
    setTimeout(() => void this.send(), BATCH);
  }

  private async send(): Promise<void> {
    const signal = this.running?.signal;
    const updates = this.unsent.splice(0);
    const telling = this.presence;
    this.presence = false;
    let failed = false;
    try {
      if (signal !== undefined && (updates.length > 0 || telling)) await this.handOver(updates, telling, signal);
    } catch (error) {
      if (signal?.aborted || (await this.isOver(error))) return;
      failed = true;
      const everything = error instanceof Refused && error.code === "update_incomplete";
      if (everything) this.unsent = [Y.encodeStateAsUpdate(this.doc)];
      else this.unsent.unshift(...updates);
      this.presence ||= telling;
      await sleep(FIRST_PAUSE, signal);
    } finally {
      this.sending = false;
    }
    if (this.running !== null && (failed || this.unsent.length > 0 || this.presence)) this.sendSoon();
  }

  private async handOver(updates: Uint8Array[], telling: boolean, signal: AbortSignal): Promise<void> {
    const update = updates.length > 0 ? Y.mergeUpdates(updates) : null;
    const frames = update === null ? [] : [frame(SYNC, UPDATE, update)];
    if (telling) frames.unshift(frame(AWARENESS, encodeAwarenessUpdate(this.awareness, [this.doc.clientID])));
    await this.ask(frames, {}, signal);
    if (update !== null) this.carrier.confirmed(update);
  }

  private async ask(frames: Uint8Array[], options: Record<string, string>, signal: AbortSignal): Promise<Uint8Array[]> {
    const query = new URLSearchParams({ client: String(this.doc.clientID), ...options });
    const waits = "wait" in options;
    if (waits && this.version !== null) query.set("known", this.version);
    const response = await fetch(`${this.url}?${query}`, {
      method: "POST",
      headers: { "Content-Type": TYPE, Accept: TYPE, "X-CSRF-Token": this.carrier.csrf },
      body: joined(frames),
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
    if (!response.ok) {
      const problem = (await response.json().catch(() => ({}))) as { code?: string };
      throw new Refused(response.status, problem.code ?? "");
    }
    const body = new Uint8Array(await response.arrayBuffer());
    if (waits) this.version = response.headers.get("Interlink-Version");
    return split(body);
  }

  private read(message: Uint8Array): void {
    const decoder = decoding.createDecoder(message);
    const kind = decoding.readVarUint(decoder);
    if (kind === DENIED) {
      this.carrier.refused(4403);
    } else if (kind === AWARENESS) {
      this.readPresence(decoding.readVarUint8Array(decoder));
    } else if (kind === SYNC) {
      const step = decoding.readVarUint(decoder);
      const body = decoding.readVarUint8Array(decoder);
      if (step === STEP1) {
        this.serverVector = body;
        this.carrier.known(body);
      } else {
        Y.applyUpdate(this.doc, body, this);
        this.carrier.confirmed(body);
      }
    }
  }

  /** The server tells of everybody who is there: others are gone. */
  private readPresence(update: Uint8Array): void {
    const { awareness } = this;
    const here = new Set(clients(update));
    for (const client of here) if (!awareness.states.has(client)) awareness.meta.delete(client);
    applyAwarenessUpdate(awareness, update, this);
    const gone = [...awareness.states.keys()].filter((client) => client !== this.doc.clientID && !here.has(client));
    removeAwarenessStates(awareness, gone, this);
  }

  private lost(): void {
    if (!this.synced) return;
    this.synced = false;
    this.version = null;
    this.carrier.changed();
  }

  /** Whether an error is the server's last word. */
  private async isOver(error: unknown): Promise<boolean> {
    if (!(error instanceof Refused)) return false;
    if (["csrf_failed", "text_redacted"].includes(error.code)) return !(await this.carrier.signedInAnew());
    const final = [400, 401, 403, 404, 413].includes(error.status) || error.code === "forged_author";
    if (final) this.carrier.refused(4000 + error.status);
    return final;
  }

  /** The window goes: so does its presence. */
  private takeLeave(): void {
    if (this.running === null) return;
    const { awareness, doc } = this;
    const clock = (awareness.meta.get(doc.clientID)?.clock ?? 0) + 1;
    const body = encoding.encode((encoder) => {
      encoding.writeVarUint(encoder, 1);
      encoding.writeVarUint(encoder, doc.clientID);
      encoding.writeVarUint(encoder, clock);
      encoding.writeVarString(encoder, "null");
    });
    const headers = { "Content-Type": TYPE, Accept: TYPE, "X-CSRF-Token": this.carrier.csrf };
    fetch(this.url, { method: "POST", keepalive: true, headers, body: joined([frame(AWARENESS, body)]) }).catch(() => {});
  }
}

function step1(doc: Y.Doc): Uint8Array {
  return frame(SYNC, STEP1, Y.encodeStateVector(doc));
}

function frame(...parts: [...kinds: number[], body: Uint8Array]): Uint8Array {
  return encoding.encode((encoder) => {
    for (const part of parts) {
      if (typeof part === "number") encoding.writeVarUint(encoder, part);
      else encoding.writeVarUint8Array(encoder, part);
    }
  });
}

function joined(frames: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const encoder = encoding.createEncoder();
  for (const each of frames) encoding.writeVarUint8Array(encoder, each);
  return encoding.toUint8Array(encoder) as Uint8Array<ArrayBuffer>;
}

function split(body: Uint8Array): Uint8Array[] {
  const decoder = decoding.createDecoder(body);
  const frames: Uint8Array[] = [];
  while (decoding.hasContent(decoder)) frames.push(decoding.readVarUint8Array(decoder));
  return frames;
}

/** Whom a presence update is about. */
function clients(update: Uint8Array): number[] {
  const decoder = decoding.createDecoder(update);
  return Array.from({ length: decoding.readVarUint(decoder) }, () => {
    const client = decoding.readVarUint(decoder);
    decoding.readVarUint(decoder);
    decoding.readVarString(decoder);
    return client;
  });
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
