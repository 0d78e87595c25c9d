// Serves a document's page from this device when the network is away; see editor/shell.ts.
//
// It acts on nothing but document pages and the hashed files that they load. A page is kept apart
// for each person, and only that of the person who used this browser last is served.

export {};

// What is used of the worker's own world; the compiler can be told of that or of the page's only.
interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Worker {
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetching) => void): void;
}

const worker = self as unknown as Worker;
const PAGE = /^\/documents\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const AWAY = [502, 503, 504];
const KEPT_FOR = 30 * 86_400_000; // as long as a sign-in lasts

worker.addEventListener("install", () => void worker.skipWaiting());
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const document = PAGE.exec(url.pathname)?.[1];
  if (document !== undefined && request.mode === "navigate") event.respondWith(page(request, document));
  else if (url.pathname.startsWith("/static/assets/")) event.respondWith(file(request));
});

async function page(request: Request, document: string): Promise<Response> {
  try {
    const response = await fetch(request);
    return AWAY.includes(response.status) ? ((await kept(document)) ?? response) : response;
  } catch (error) {
    const found = await kept(document);
    if (found === undefined) throw error;
    return found;
  }
}

async function kept(document: string): Promise<Response | undefined> {
  const person = await (await caches.match("/person", { cacheName: "interlink-person" }))?.text();
  if (person === undefined) return undefined;
  const cacheName = `interlink:${person}:${document}`;
  const found = await caches.match(`/documents/${document}`, { cacheName });
  const age = Date.now() - Date.parse(found?.headers.get("date") ?? "");
  return age < KEPT_FOR ? found : undefined;
}

async function file(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}
