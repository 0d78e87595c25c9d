// A slider beside a number field that takes a position in the log: it stops where something happened.

interface Stop {
  position: number;
  at: string;
}

/** Show the slider of the form that has one, and keep it and the field in step. */
export function offerMoments(): void {
  const slider = document.querySelector<HTMLInputElement>("input[data-moments]");
  const field = document.getElementById(slider?.dataset["for"] ?? "");
  const told = document.getElementById(slider?.getAttribute("aria-describedby") ?? "");
  if (slider === null || told === null || !(field instanceof HTMLInputElement)) return;
  const stops = JSON.parse(slider.dataset["moments"] ?? "[]") as Stop[];
  if (stops.length < 2) return;
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  const tell = (): void => {
    const stop = stops[Number(slider.value)];
    if (stop === undefined) return;
    const words = format.format(new Date(stop.at));
    told.textContent = words;
    slider.setAttribute("aria-valuetext", words);
  };
  const follow = (): void => {
    const wanted = Number(field.value || Infinity);
    const after = stops.findIndex(({ position }) => position > wanted);
    slider.value = String(after === -1 ? stops.length - 1 : Math.max(after - 1, 0));
    tell();
  };
  slider.addEventListener("input", () => {
    field.value = String(stops[Number(slider.value)]?.position ?? "");
    tell();
  });
  field.addEventListener("input", follow);
  follow();
  (slider.closest("[hidden]") as HTMLElement | null)?.removeAttribute("hidden");
}
