// What the editor asks of the server beside the document: a live ticket, and whether the page that
// it runs in is still what the server would give.

import type { Config } from "./config.ts";

/** What the websocket shows instead of the session cookie. Good for an hour. */
export interface Ticket {
  token: string;
  expires: number; // milliseconds since the epoch
}

export class TicketRefused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code = "") {
    super(`no live ticket: ${status} ${code}`);
    this.status = status;
    this.code = code;
  }
}

/** Throws TicketRefused when the server says no, TypeError when it cannot be reached. */
export async function fetchTicket(document: string, csrf: string): Promise<Ticket> {
  const response = await fetch("/api/v1/live-tickets", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify({ document }),
  });
  if (!response.ok) {
    const problem = (await response.json().catch(() => ({}))) as { code?: string };
    throw new TicketRefused(response.status, problem.code);
  }
  const { token, expires } = (await response.json()) as { token: string; expires: string };
  return { token, expires: Date.parse(expires) };
}

/** The page as the server gives it now, without the text. */
export function fetchShell(): Promise<Response> {
  return fetch(`${location.pathname}?offline`, { redirect: "manual", headers: { Accept: "text/html" } });
}

/** What the server would tell the editor now; throws as fetchTicket does. */
export async function fetchConfig(): Promise<Config> {
  const response = await fetchShell();
  // A redirect leads to the sign-in.
  if (response.type === "opaqueredirect") throw new TicketRefused(401);
  if (!response.ok) throw new TicketRefused(response.status);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return JSON.parse(page.getElementById("editor-config")?.textContent ?? "") as Config;
}
