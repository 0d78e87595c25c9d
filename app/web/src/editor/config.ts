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
  reconnecting: string;
  reading: string;
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
  mayEdit: boolean;
  csrf: string;
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
