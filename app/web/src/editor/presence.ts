// Who is here, as a list of names; and one quiet log of what they do, told in batches.

import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import { type Config, element, fill, type User } from "./config.ts";

const BATCH = 15_000;
const KEPT = 20;

/** The people connected, each once, in order of name; the server vouches for who is who. */
export function people(awareness: Awareness): User[] {
  const found = new Map<string, User>();
  for (const state of awareness.getStates().values()) {
    const user = state["user"] as Partial<User> | undefined;
    if (user?.name) {
      const id = user.id ?? user.name;
      found.set(id, { id, name: user.name, color: user.color ?? "#555555" });
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

export function showPresence(awareness: Awareness, config: Config): void {
  const list = element("presence");
  const draw = (): void => {
    list.replaceChildren(...people(awareness).map((user) => chip(user, config)));
  };
  awareness.on("change", draw);
  draw();
}

function chip(user: User, config: Config): HTMLElement {
  const item = document.createElement("li");
  item.className = "person";
  const picture = document.createElement("span");
  picture.className = "avatar";
  picture.ariaHidden = "true";
  picture.style.backgroundColor = user.color;
  picture.textContent = initials(user.name);
  const name = document.createElement("span");
  name.textContent = user.id === config.user.id ? fill(config.messages.you, { name: user.name }) : user.name;
  item.append(picture, name);
  return item;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return letters.map((word) => [...(word ?? "")][0] ?? "").join("").toLocaleUpperCase();
}

/** Tell, politely and in batches, who came, left and edited. Can be turned off by its checkbox. */
export function keepLog(doc: Y.Doc, awareness: Awareness, config: Config): void {
  const list = element("live-log");
  const wanted = element<HTMLInputElement>("live-log-on");
  const names = new Map<string, string>();
  const news = new Map<string, Set<"joined" | "left" | "edited">>();
  const note = (id: string, what: "joined" | "left" | "edited"): void => {
    if (id !== config.user.id) news.set(id, (news.get(id) ?? new Set()).add(what));
  };

  let present = new Set<string>();
  awareness.on("change", () => {
    const now = people(awareness);
    for (const { id, name } of now) names.set(id, name);
    const ids = new Set(now.map((user) => user.id));
    for (const id of ids) if (!present.has(id)) note(id, "joined");
    for (const id of present) if (!ids.has(id)) note(id, "left");
    present = ids;
  });
  doc.on("afterTransaction", (transaction: Y.Transaction) => {
    if (transaction.local) return;
    for (const [client, clock] of transaction.afterState) {
      if (clock > (transaction.beforeState.get(client) ?? 0)) {
        const user = awareness.getStates().get(client)?.["user"] as Partial<User> | undefined;
        if (user?.id) note(user.id, "edited");
      }
    }
  });

  const tell = (): void => {
    if (wanted.checked) {
      const time = new Date().toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
      for (const [id, what] of news) list.append(...lines(names.get(id), what, time, config));
      while (list.childElementCount > KEPT) list.firstElementChild?.remove();
    }
    news.clear();
  };
  setInterval(tell, BATCH);
}

function lines(name: string | undefined, what: Set<string>, time: string, config: Config): HTMLElement[] {
  if (name === undefined) return [];
  return (["joined", "edited", "left"] as const)
    .filter((kind) => what.has(kind))
    .map((kind) => {
      const line = document.createElement("p");
      line.textContent = `${time} · ${fill(config.messages[kind], { name })}`;
      return line;
    });
}
