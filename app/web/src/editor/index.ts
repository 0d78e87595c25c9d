// The live document editor: the one part of the pages that needs a script.

import "../../styles/editor.css";
import { copyName } from "../copies.ts";
import { element, fill, readConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { showLeftover, unsentCopy } from "./leftover.ts";
import { plainText } from "./plain.ts";
import { keepLog, showPresence } from "./presence.ts";
import { SaveIndicator } from "./saving.ts";
import { keepShell } from "./shell.ts";

const DISCARDABLE = [4400, 4409, 4413]; // the server would refuse the same edits again

const config = readConfig();
const host = element("editor");
const indicator = new SaveIndicator(config);
let freeze: () => void = () => {};
let isRefused = false;

const connection = new Connection(config, {
  save: (state) => indicator.show(state),
  ready: () => void open(),
  refused: (code) => refuse(code),
  returned(places) {
    const message = places === 1 ? config.messages.returnedOne : config.messages.returned;
    element("returned-text").textContent = fill(message, { number: places.toLocaleString(config.locale) });
    element("returned-close").hidden = false;
  },
});

async function open(): Promise<void> {
  const start =
    config.format === "text"
      ? (await import("./plaintext.ts")).openPlainText
      : (await import("./richtext.ts")).openRichText;
  host.hidden = false;
  freeze = start(host, connection, config);
  if (isRefused) freeze();
  element("reading").remove();
  showPresence(connection.provider.awareness, config);
  keepLog(connection.doc, connection.provider.awareness, config);
  if (connection.kept && !config.kept) keepShell(config).catch(() => {}); // next time, then
}

function refuse(code: number): void {
  isRefused = true;
  freeze();
  const toolbar = document.getElementById("toolbar");
  if (toolbar !== null) toolbar.hidden = true;
  const message = config.messages.refused[String(code)] ?? fill(config.messages.refusedOther, { code: String(code) });
  element("refused-text").textContent = message;
  element("refused").hidden = false;
  element("refused-copy").hidden = !navigator.clipboard;
  element("refused-discard").hidden = !DISCARDABLE.includes(code);
  indicator.hide();
}

element("refused-copy").addEventListener("click", () => {
  void navigator.clipboard.writeText(plainText(connection.doc, config.format));
});
element("refused-discard").addEventListener("click", async () => {
  await connection.removeCopy();
  location.reload();
});
element("returned-close").addEventListener("click", () => {
  element("returned-text").textContent = "";
  element("returned-close").hidden = true;
});

// Signing out removes the copy, which must be closed for that.
document.addEventListener("interlink:sign-out", (event) => {
  const { waitFor } = (event as CustomEvent<{ waitFor: Promise<unknown>[] }>).detail;
  waitFor.push(connection.release());
});
addEventListener("beforeunload", (event) => {
  if (connection.losable) event.preventDefault();
});

async function begin(): Promise<void> {
  indicator.show("connecting");
  const { user, document } = config;
  if (!config.mayEdit && (await unsentCopy(user.id, document)) === true) {
    // Who may not edit any more must not send what was written before.
    await showLeftover(copyName(user.id, document), element("refused"));
    await connection.open({ keep: false });
  } else {
    await connection.open({ keep: true });
  }
}

void begin();
