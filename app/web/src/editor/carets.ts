// Other people's carets and selections in the plain text editor.
//
// y-codemirror.next has its own, which set style attributes that a strict style policy refuses and
// show the name on hover only.

import { Annotation, type Extension, type Range } from "@codemirror/state";
import { Decoration, type DecorationSet, type EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import type { User } from "./config.ts";

const moved = Annotation.define<boolean>();
const COLOUR = /^#[0-9a-f]{6}$/i;

class Caret extends WidgetType {
  private readonly user: User;

  constructor(user: User) {
    super();
    this.user = user;
  }

  override eq(other: Caret): boolean {
    return other.user.name === this.user.name && other.user.color === this.user.color;
  }

  override toDOM(): HTMLElement {
    const mark = document.createElement("span");
    mark.className = "caret";
    mark.style.setProperty("--person", this.user.color);
    const label = document.createElement("span");
    label.className = "caret-label";
    label.textContent = this.user.name;
    mark.append(label);
    return mark;
  }
}

export function carets(text: Y.Text, awareness: Awareness): Extension {
  class Carets {
    decorations: DecorationSet = Decoration.none;
    private readonly changed: () => void;

    constructor(view: EditorView) {
      this.changed = () => {
        // Awareness also changes while CodeMirror updates (our own caret): wait for it to finish.
        queueMicrotask(() => view.dispatch({ annotations: moved.of(true) }));
      };
      awareness.on("change", this.changed);
    }

    update(update: ViewUpdate): void {
      if (update.selectionSet || update.focusChanged) tellOwn(text, awareness, update.view);
      const foreign = update.transactions.some((transaction) => transaction.annotation(moved));
      if (foreign || update.docChanged) this.decorations = draw(text, awareness, update.state.doc.length);
    }

    destroy(): void {
      awareness.off("change", this.changed);
    }
  }
  return ViewPlugin.fromClass(Carets, { decorations: (plugin) => plugin.decorations });
}

function tellOwn(text: Y.Text, awareness: Awareness, view: EditorView): void {
  const { anchor, head } = view.state.selection.main;
  const at = (index: number) => Y.createRelativePositionFromTypeIndex(text, index);
  awareness.setLocalStateField("cursor", view.hasFocus ? { anchor: at(anchor), head: at(head) } : null);
}

function draw(text: Y.Text, awareness: Awareness, length: number): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const [client, state] of awareness.getStates()) {
    if (client === awareness.clientID) continue;
    const user = state["user"] as Partial<User> | undefined;
    const anchor = index(text, state["cursor"]?.anchor);
    const head = index(text, state["cursor"]?.head);
    if (anchor === null || head === null || anchor > length || head > length || !user?.name) continue;
    const color = COLOUR.test(user.color ?? "") ? (user.color as string) : "#555555";
    if (anchor !== head) {
      const style = `background-color: ${color}40`;
      ranges.push(Decoration.mark({ attributes: { style } }).range(Math.min(anchor, head), Math.max(anchor, head)));
    }
    const caret = new Caret({ id: user.id ?? "", name: user.name, color });
    ranges.push(Decoration.widget({ widget: caret, side: head > anchor ? -1 : 1 }).range(head));
  }
  return Decoration.set(ranges, true);
}

/** Where a relative position stands now; null for none, or for what another client made up. */
function index(text: Y.Text, position: unknown): number | null {
  if (position === null || typeof position !== "object" || text.doc === null) return null;
  try {
    const found = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(position), text.doc);
    return found !== null && found.type === text ? found.index : null;
  } catch {
    return null;
  }
}
