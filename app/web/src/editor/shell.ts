// What the page needs to open without a network: itself, without the text, and its files.

import type { Config } from "./config.ts";
import { copyName } from "../copies.ts";
import { fetchShell } from "./ticket.ts";

/** Keep this page on the device; nothing happens where browsers can't. */
export async function keepShell(config: Config): Promise<void> {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return;
  await navigator.serviceWorker.register("/documents/worker.js");
  const shell = await fetchShell();
  if (!shell.ok) return;
  const cache = await caches.open(copyName(config.user.id, config.document));
  await cache.put(location.pathname, shell);
  const files = new Set(assets());
  for (const file of files) {
    if ((await cache.match(file)) === undefined) await cache.add(file);
  }
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== location.pathname && !files.has(pathname)) await cache.delete(url);
  }
}

/** The scripts and styles that this page has loaded; their names change with their content. */
function assets(): string[] {
  return performance
    .getEntriesByType("resource")
    .map((entry) => new URL(entry.name).pathname)
    .filter((path) => path.startsWith("/static/assets/"));
}
