// The page of a document's past: a slider over its moments. Without it, the form and the list do the same.

import "../../styles/history.css";

const form = element<HTMLFormElement>("choose");
const slider = element<HTMLInputElement>("slider");
const at = element<HTMLSelectElement>("at");
const since = element<HTMLSelectElement>("since");
const text = element("slider-text");
const told = element("told");
const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });

const PAUSE = 150; // milliseconds that the slider rests before its moment is fetched
let waiting: ReturnType<typeof setTimeout> | undefined;
let asked: AbortController | undefined;

/** An element that the page must have. */
function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page lacks #${id}`);
  return found as T;
}

/** Moments in the reader's own time zone; the server writes UTC. */
function localMoments(): void {
  for (const option of [...at.options, ...since.options]) {
    const moment = option.dataset["at"];
    if (moment === undefined) continue;
    option.text = [format.format(new Date(moment)), option.dataset["rest"]].filter(Boolean).join(" · ");
  }
}

function localTimes(within: ParentNode): void {
  for (const time of within.querySelectorAll<HTMLTimeElement>("time[data-local]")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
}

/** Let the slider say in words where it stands. */
function tell(): void {
  const words = at.options[slider.valueAsNumber]?.text ?? "";
  slider.setAttribute("aria-valuetext", words);
  text.textContent = words;
}

function compareOnlyChanges(): void {
  const show = new FormData(form).get("show");
  element("compare").hidden = show !== "changes";
}

function address(): string {
  const chosen = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value !== "" && (name !== "since" || !element("compare").hidden)) {
      chosen.set(name, value);
    }
  }
  return `${form.getAttribute("action") ?? ""}?${chosen.toString()}`;
}

/** Fetch the page of what is chosen, and show its part that tells of it. */
async function show(): Promise<void> {
  compareOnlyChanges();
  asked?.abort();
  asked = new AbortController();
  const url = address();
  const shown = element("shown");
  shown.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { signal: asked.signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.getElementById("shown");
    if (!answer.ok || part === null) throw new Error(`answered ${answer.status}`);
    localTimes(part);
    shown.replaceWith(document.adoptNode(part));
    history.replaceState(null, "", url);
    told.textContent = part.querySelector("h2")?.textContent ?? "";
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    shown.removeAttribute("aria-busy");
    told.textContent = form.dataset["failed"] ?? "";
  }
}

slider.max = String(at.options.length - 1);
slider.value = String(at.selectedIndex);
slider.addEventListener("input", () => {
  at.selectedIndex = slider.valueAsNumber;
  tell();
  clearTimeout(waiting);
  waiting = setTimeout(() => void show(), PAUSE);
});
form.addEventListener("change", (event) => {
  if (event.target !== slider) void show();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void show();
});

localMoments();
tell();
compareOnlyChanges();
element("slide").hidden = false;
element("pick").hidden = true;
element("go").hidden = true;
