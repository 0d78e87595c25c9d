// Real Yjs documents tell PendingEdits what they made and what a server sent; see test_pending.py.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const web = process.argv[2];
const require = createRequire(`${web}/package.json`);
const Y = await import(pathToFileURL(require.resolve("yjs").replace(/\.cjs$/, ".mjs")).href);
const { PendingEdits } = await import(pathToFileURL(`${web}/src/editor/pending.ts`).href);

function author() {
  const doc = new Y.Doc();
  const pending = new PendingEdits();
  const sent = [];
  doc.on("update", (update, origin) => {
    if (origin === "server") return;
    pending.made(update);
    sent.push(update);
  });
  return { doc, pending, sent, text: doc.getText("content") };
}

const checks = {
  "nothing written is saved"() {
    assert.equal(author().pending.empty, true);
  },
  "an insertion is saved once it is echoed"() {
    const { pending, sent, text } = author();
    text.insert(0, "hello");
    assert.equal(pending.empty, false);
    pending.confirmed(sent[0]);
    assert.equal(pending.empty, true);
  },
  "the echo of an earlier edit does not save a later one"() {
    const { pending, sent, text } = author();
    text.insert(0, "one");
    text.insert(3, "two");
    pending.confirmed(sent[0]);
    assert.equal(pending.empty, false);
    pending.confirmed(sent[1]);
    assert.equal(pending.empty, true);
  },
  "echoes merged into one frame save all"() {
    const { pending, sent, text } = author();
    text.insert(0, "one");
    text.delete(0, 2);
    text.insert(0, "two");
    pending.confirmed(Y.mergeUpdates(sent));
    assert.equal(pending.empty, true);
  },
  "a gap in a merged update saves nothing"() {
    const { pending, sent, text } = author();
    text.insert(0, "one");
    text.insert(0, "two");
    text.insert(0, "three");
    pending.confirmed(Y.mergeUpdates([sent[0], sent[2]]));
    assert.equal(pending.empty, false);
    pending.confirmed(sent[1]);
    assert.equal(pending.empty, true);
  },
  "a deletion alone is not saved by what came before it"() {
    const { pending, sent, text } = author();
    text.insert(0, "hello");
    pending.confirmed(sent[0]);
    text.delete(1, 3);
    assert.equal(pending.empty, false);
    pending.confirmed(sent[0]);
    assert.equal(pending.empty, false);
    pending.confirmed(sent[1]);
    assert.equal(pending.empty, true);
  },
  "a deletion is saved piece by piece"() {
    const { pending, sent, text } = author();
    text.insert(0, "abcdef");
    pending.confirmed(sent[0]);
    text.delete(0, 2);
    text.delete(2, 2);
    pending.confirmed(sent[2]);
    assert.equal(pending.empty, false);
    pending.confirmed(sent[1]);
    assert.equal(pending.empty, true);
  },
  "what others write saves nothing of ours"() {
    const { doc, pending, text } = author();
    const other = author();
    other.text.insert(0, "theirs");
    text.insert(0, "ours");
    Y.applyUpdate(doc, other.sent[0], "server");
    pending.confirmed(other.sent[0]);
    assert.equal(pending.empty, false);
  },
  "after a reconnect the server's step 1 and step 2 tell what it has"() {
    const { doc, pending, text } = author();
    text.insert(0, "kept while away");
    text.delete(0, 4);
    const server = new Y.Doc();
    Y.applyUpdate(server, Y.encodeStateAsUpdate(doc));
    pending.known(Y.encodeStateVector(server));
    assert.equal(pending.empty, false, "the deletion is not known to be stored");
    pending.confirmed(Y.encodeStateAsUpdate(server, Y.encodeStateVector(doc)));
    assert.equal(pending.empty, true);
  },
  "what was not confirmed when the browser was closed is counted again"() {
    const first = author();
    first.text.insert(0, "confirmed");
    first.pending.confirmed(first.sent[0]);
    first.text.insert(9, " and not");
    first.text.delete(0, 3);
    const kept = structuredClone(first.pending.unconfirmed);
    const second = author();
    Y.applyUpdate(second.doc, Y.encodeStateAsUpdate(first.doc), "server");
    second.pending.restore(kept, second.doc);
    assert.equal(second.pending.empty, false);
    second.pending.confirmed(first.sent[1]);
    assert.equal(second.pending.empty, false, "the deletion is left");
    second.text.insert(0, "more ");
    second.pending.confirmed(first.sent[2]);
    assert.equal(second.pending.empty, false, "this session's own is left");
    second.pending.confirmed(second.sent[0]);
    assert.equal(second.pending.empty, true);
  },
  "what was noted but never stored on the device is not waited for"() {
    const first = author();
    first.text.insert(0, "stored");
    const stored = Y.encodeStateAsUpdate(first.doc);
    first.text.insert(6, " lost");
    first.text.delete(0, 2);
    const second = author();
    Y.applyUpdate(second.doc, stored, "server");
    second.pending.restore(first.pending.unconfirmed, second.doc);
    assert.equal(second.pending.empty, false);
    second.pending.known(Y.encodeStateVector(second.doc));
    assert.equal(second.pending.empty, true);
  },
  "a restored edit that the server had all along is saved by its step 1"() {
    const first = author();
    first.text.insert(0, "echo was lost");
    const second = author();
    Y.applyUpdate(second.doc, first.sent[0], "server");
    second.pending.restore(first.pending.unconfirmed, second.doc);
    second.pending.known(Y.encodeStateVector(first.doc));
    assert.equal(second.pending.empty, true);
  },
  "a server that lacks the edit says so"() {
    const { pending, text } = author();
    text.insert(0, "not there");
    pending.known(Y.encodeStateVector(new Y.Doc()));
    assert.equal(pending.empty, false);
  },
};

for (const [name, check] of Object.entries(checks)) {
  check();
  console.log(`ok ${name}`);
}
console.log(`${Object.keys(checks).length} checks`);
