// The live document editor: the one part of the pages that needs a script.

import "../../styles/editor.css";
import { element, fill, readConfig } from "./config.ts";
import { Connection, type Save } from "./connection.ts";
import { keepLog, showPresence } from "./presence.ts";

const config = readConfig();
const status = element("save-state");
const host = element("editor");
let freeze: () => void = () => {};
let shown: Save | "refused" | null = null;

const connection = new Connection(config, {
  save: show,
  ready: () => void open(),
  refused(code) {
    shown = "refused";
    freeze();
    const message = config.messages.refused[String(code)] ?? fill(config.messages.refusedOther, { code: String(code) });
    element("refused-text").textContent = message;
    element("refused").hidden = false;
    status.hidden = true;
  },
});

async function open(): Promise<void> {
  const start =
    config.format === "text"
      ? (await import("./plaintext.ts")).openPlainText
      : (await import("./richtext.ts")).openRichText;
  host.hidden = false;
  freeze = start(host, connection, config);
  if (shown === "refused") freeze();
  element("reading").remove();
  showPresence(connection.provider.awareness, config);
  keepLog(connection.doc, connection.provider.awareness, config);
}

function show(state: Save): void {
  if (state === shown || shown === "refused") return;
  shown = state;
  status.dataset["state"] = state;
  const reading = state === "saved" && !config.mayEdit;
  element("save-text").textContent = reading ? config.messages.reading : config.messages[state];
}

addEventListener("beforeunload", (event) => {
  if (!connection.saved) event.preventDefault();
});

show("connecting");
void connection.open();
