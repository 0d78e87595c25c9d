// What every page gains from a script; each works without it.

import "../styles/page.css";
import { offerMoments } from "./moments.ts";
import { copies, copyName, receive, removeCopy } from "./copies.ts";

const now = Intl.DateTimeFormat;

/** Times in the reader's own time zone; the server writes UTC. */
function localTimes(): void {
  const format = new now(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  const clock = new now(document.documentElement.lang, { timeStyle: "short" });
  const second = new now(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-local]")) {
    const moment = new Date(time.dateTime);
    // Days are grouped by UTC: where the reader's day is another, the time alone would mislead.
    const sameDay = moment.getDate() === moment.getUTCDate();
    const wanted = time.dataset["local"];
    time.textContent = (wanted === "second" ? second : wanted === "clock" && sameDay ? clock : format).format(moment);
    time.title = format.format(moment);
  }
}

/** After a refused form, focus its summary; after a done one, the thing that was changed. */
function focusWhatMatters(): void {
  const summary = document.querySelector<HTMLElement>("[data-error-summary]");
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  const wanted = summary ?? target?.querySelector<HTMLElement>("[data-focus]") ?? null;
  wanted?.focus({ preventScroll: wanted !== summary });
}

/** One press sends a form once; the server would also store it only once. */
function sendOnce(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.dataset["sent"] === "yes") event.preventDefault();
    form.dataset["sent"] = "yes";
  });
  // A page that the browser kept and shows again may send again, and means something new by it.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form")) delete form.dataset["sent"];
    for (const once of document.querySelectorAll<HTMLInputElement>("input[name=once]")) once.value = crypto.randomUUID();
  });
}

/** Ask before typed text is lost. */
function guardTypedText(): void {
  let typed = false;
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-guard]")) {
    if (form.querySelector("[aria-invalid=true]") !== null) typed = true;
    form.addEventListener("input", () => (typed = true));
  }
  document.addEventListener("submit", () => (typed = false));
  addEventListener("beforeunload", (event) => {
    if (typed) event.preventDefault();
  });
}

/** Escape closes the innermost open panel and gives focus back to its button. */
function closeWithEscape(): void {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !(event.target instanceof Element)) return;
    const panel = event.target.closest("details[open]");
    if (!(panel instanceof HTMLDetailsElement)) return;
    panel.open = false;
    panel.querySelector("summary")?.focus();
  });
}

/** A status speaks when it changes, and not by being there when the page opens. */
function announceStatus(): void {
  setTimeout(() => {
    for (const status of document.querySelectorAll(".note[role=status]")) (status.firstElementChild ?? status).append("\u00a0");
  }, 300);
}

/** Buttons that copy what stands in another element. */
function copyButtons(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset["copy"] ?? "");
      await navigator.clipboard.writeText(source?.textContent?.trim() ?? "");
      const done = button.dataset["copied"];
      const status = document.querySelector(`[data-copied-status="${button.dataset["copy"]}"]`);
      if (done) (status ?? button).textContent = done; // a status is announced, a button's new name is not
    });
  }
}

/** Copies of documents on this device belong to one person, and go when they sign out. */
function guardCopies(): void {
  const person = document.body.dataset["person"] ?? null;
  receive(person).catch(() => {}); // where the browser keeps nothing there is nothing to guard
  if (person === null) return;
  const form = document.querySelector<HTMLFormElement>("form[action='/sign-out']");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const own = (await copies()).filter((copy) => copy.person === person);
    const unsent = own.some((copy) => copy.unsent);
    if (unsent && !confirm(form.dataset["unsent"])) return;
    const waitFor: Promise<unknown>[] = [];
    document.dispatchEvent(new CustomEvent("interlink:sign-out", { detail: { waitFor } }));
    await Promise.allSettled(waitFor);
    for (const copy of own) await removeCopy(copy.name);
    await receive(null);
    form.submit();
  });
}

/** Who may no longer see a document keeps no copy of it, but is shown what was not sent. */
async function dropLostCopy(): Promise<void> {
  const template = document.getElementById("leftover");
  const id = /^\/documents\/([0-9a-f-]{36})$/.exec(location.pathname)?.[1];
  const person = document.body.dataset["person"];
  if (template === null || id === undefined || person === undefined || document.getElementById("editor")) return;
  const copy = (await copies()).find(({ name }) => name === copyName(person, id));
  if (copy === undefined) return;
  const head = document.querySelector("main .head") as HTMLElement;
  if (copy.unsent) await (await import("./editor/leftover.ts")).showLeftover(copy.name, head);
  else await removeCopy(copy.name);
}

localTimes();
focusWhatMatters();
sendOnce();
guardTypedText();
closeWithEscape();
copyButtons();
announceStatus();
offerMoments();
guardCopies();
void dropLostCopy();
