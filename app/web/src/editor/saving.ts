// The save indicator: seen at once, spoken only when a state lasts.

import { type Config, element } from "./config.ts";
import type { Save } from "./connection.ts";

const LASTING = 1_500; // milliseconds
const QUIET: readonly Save[] = ["connecting", "saving"]; // come and go while somebody types

export class SaveIndicator {
  private shown: Save | null = null;
  private told: Save = "saved"; // as everybody expects
  private timer: number | undefined;
  private readonly config: Config;

  constructor(config: Config) {
    this.config = config;
  }

  show(state: Save): void {
    if (state === this.shown) return;
    this.shown = state;
    element("save-state").dataset["state"] = state;
    element("save-text").textContent = this.words(state);
    clearTimeout(this.timer);
    if (QUIET.includes(state)) return;
    this.timer = window.setTimeout(() => {
      if (state === this.told) return;
      this.told = state;
      element("save-told").textContent = this.words(state);
    }, LASTING);
  }

  hide(): void {
    clearTimeout(this.timer);
    element("save-state").hidden = true;
    element("save-told").textContent = "";
  }

  private words(state: Save): string {
    const { messages, mayEdit } = this.config;
    if (!mayEdit && state === "saved") return messages.reading;
    if (!mayEdit && state === "reconnecting") return messages.outOfDate;
    return messages[state];
  }
}
