// Live tickets: what the websocket shows instead of the session cookie. Good for an hour.

export interface Ticket {
  token: string;
  expires: number; // milliseconds since the epoch
}

export class TicketRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`no live ticket: ${status}`);
    this.status = status;
  }
}

/** Throws TicketRefused when the server says no, TypeError when it cannot be reached. */
export async function fetchTicket(document: string, csrf: string): Promise<Ticket> {
  const response = await fetch("/api/v1/live-tickets", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify({ document }),
  });
  if (!response.ok) throw new TicketRefused(response.status);
  const { token, expires } = (await response.json()) as { token: string; expires: string };
  return { token, expires: Date.parse(expires) };
}
