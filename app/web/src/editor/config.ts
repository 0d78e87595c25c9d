// What the server tells the editor, in a JSON block of the page.

export interface User {
  id: string;
  name: string;
  color: string;
}

export interface Messages {
  connecting: string;
  saving: string;
  saved: string;
  device: string;
  reconnecting: string;
  unsaved: string;
  reading: string;
  outOfDate: string;
  returned: string;
  returnedOne: string;
  refused: Record<string, string>;
  refusedOther: string;
  you: string;
  joined: string;
  left: string;
  edited: string;
  textLabel: string;
  textHelp: string;
  linkInvalid: string;
}

export interface Config {
  document: string;
  format: "richtext" | "text";
  language: string;
  locale: string; // the reader's own language
  mayEdit: boolean;
  csrf: string;
  script: string; // the address of this editor, which names its version
  epoch: number; // counts how often text was redacted; copies of an earlier epoch may hold that text
  kept: boolean; // this page was kept on the device, and may be old
  user: User;
  messages: Messages;
}

export function readConfig(): Config {
  return JSON.parse(element("editor-config").textContent ?? "") as Config;
}

/** An element that the page must have. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page lacks #${id}`);
  return found as T;
}

/** Fill `{name}` in a translated message. */
export function fill(message: string, values: Record<string, string>): string {
  return message.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}
