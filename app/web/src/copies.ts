// Which documents this browser keeps a copy of, for whom, and whether a copy holds unsent edits.
//
// A copy is a database and a cache of the same name, which names person and document: people who
// share a browser never meet each other's. Copies go when their person signs out, when somebody
// else signs in (unless they hold unsent edits), when the person may no longer see the document,
// and when they were not used for as long as a sign-in lasts.

export interface Copy {
  name: string;
  person: string;
  document: string;
  unsent: boolean;
  epoch?: number; // of the document's text, when the copy was begun; none: 0
  used: number; // milliseconds since the epoch
}

const REGISTER = "interlink-copies";
const WHO = "interlink-person"; // the cache in which the worker finds who is signed in
const KEPT_FOR = 30 * 86_400_000;
const KEPT = 20;

export function copyName(person: string, document: string): string {
  return `interlink:${person}:${document}`;
}

/** Note a copy; throws where the browser keeps nothing. */
export async function noteCopy(
  person: string,
  document: string,
  news: { unsent?: boolean; epoch?: number } = {},
): Promise<void> {
  const name = copyName(person, document);
  await onRegister("readwrite", (store) => {
    const asked = store.get(name) as IDBRequest<Copy | undefined>;
    asked.onsuccess = () => {
      const { unsent = false, epoch = 0 } = asked.result ?? {};
      store.put({ name, person, document, unsent, epoch, ...news, used: Date.now() } satisfies Copy);
    };
  });
}

/**
 * Remove a copy from before text was redacted. One with unsent edits stays until these are sent: it
 * must not be shown before the server has said what to delete. Returns whether it is such a one.
 */
export async function isOfEarlierEpoch(person: string, document: string, epoch: number): Promise<boolean> {
  const name = copyName(person, document);
  const copy = (await copies()).find((kept) => kept.name === name);
  if (copy === undefined || (copy.epoch ?? 0) >= epoch) return false;
  if (copy.unsent) return true;
  await removeCopy(name);
  return false;
}

/** All copies of this browser; none where it keeps nothing. */
export async function copies(): Promise<Copy[]> {
  try {
    let asked: IDBRequest<Copy[]> | undefined;
    await onRegister("readonly", (store) => (asked = store.getAll() as IDBRequest<Copy[]>));
    return asked?.result ?? [];
  } catch {
    return [];
  }
}

export async function removeCopy(name: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const asked = indexedDB.deleteDatabase(name);
    asked.onsuccess = asked.onerror = () => resolve();
    asked.onblocked = () => resolve(); // it goes when the window that has it open does
  });
  if ("caches" in globalThis) await caches.delete(name);
  await onRegister("readwrite", (store) => store.delete(name));
}

/** Remember who uses the browser now (null: nobody), and remove what is not for them to find. */
export async function receive(person: string | null): Promise<void> {
  if ("caches" in globalThis) {
    const cache = await caches.open(WHO);
    if (person === null) await cache.delete("/person");
    else await cache.put("/person", new Response(person));
  }
  const own: Copy[] = [];
  for (const copy of await copies()) {
    const old = Date.now() - copy.used > KEPT_FOR;
    const foreign = person !== null && copy.person !== person;
    if (copy.unsent ? old && foreign : old || foreign) await removeCopy(copy.name);
    else if (!foreign && !copy.unsent) own.push(copy);
  }
  own.sort((a, b) => b.used - a.used);
  for (const copy of own.slice(KEPT)) await removeCopy(copy.name);
}

async function onRegister(mode: IDBTransactionMode, work: (store: IDBObjectStore) => unknown): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const asked = indexedDB.open(REGISTER, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("copies", { keyPath: "name" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = asked.onblocked = () => reject(asked.error);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      const transaction = database.transaction("copies", mode);
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
      work(transaction.objectStore("copies"));
    });
  } finally {
    database.close();
  }
}
