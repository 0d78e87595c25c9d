// A toolbar after the ARIA pattern: one tab stop, arrow keys between its buttons.
// https://www.w3.org/WAI/ARIA/apg/patterns/toolbar/

export type Command = (button: HTMLButtonElement) => void;

export class Toolbar {
  private readonly root: HTMLElement;
  private readonly buttons: HTMLButtonElement[];

  constructor(root: HTMLElement, commands: Record<string, Command>) {
    this.root = root;
    this.buttons = [...root.querySelectorAll("button")];
    for (const button of this.buttons) {
      button.tabIndex = -1;
      button.addEventListener("click", () => {
        if (button.ariaDisabled !== "true") commands[button.dataset["command"] ?? ""]?.(button);
      });
      // The text keeps its selection when a button is pressed with a pointer.
      button.addEventListener("mousedown", (event) => event.preventDefault());
      button.addEventListener("focus", () => this.stopAt(button));
    }
    if (this.buttons[0]) this.stopAt(this.buttons[0]);
    root.addEventListener("keydown", (event) => this.key(event));
    root.hidden = false;
  }

  /** Focus the button that was used last, or the first. */
  focus(): void {
    this.buttons.find((button) => button.tabIndex === 0)?.focus();
  }

  /** Show a button as pressed (null: it is no toggle) and as usable. */
  show(command: string, pressed: boolean | null, enabled: boolean): void {
    const button = this.root.querySelector<HTMLButtonElement>(`[data-command="${command}"]`);
    if (button === null) return;
    if (pressed !== null) button.ariaPressed = String(pressed);
    button.ariaDisabled = String(!enabled);
  }

  /** Show or hide a group of buttons. */
  showGroup(name: string, shown: boolean): void {
    const group = this.root.querySelector<HTMLElement>(`[data-group="${name}"]`);
    if (group === null || group.hidden === !shown) return;
    group.hidden = !shown;
    if (!shown && this.buttons.some((button) => button.tabIndex === 0 && group.contains(button))) {
      if (this.buttons[0]) this.stopAt(this.buttons[0]);
    }
  }

  private stopAt(button: HTMLButtonElement): void {
    for (const other of this.buttons) other.tabIndex = other === button ? 0 : -1;
  }

  private key(event: KeyboardEvent): void {
    const shown = this.buttons.filter((button) => button.closest("[hidden]") === null);
    const at = shown.indexOf(document.activeElement as HTMLButtonElement);
    if (at < 0) return;
    const to: Record<string, number> = {
      ArrowRight: (at + 1) % shown.length,
      ArrowLeft: (at - 1 + shown.length) % shown.length,
      Home: 0,
      End: shown.length - 1,
    };
    const next = to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    shown[next]?.focus();
  }
}
