// Documents as the editor's own schema and its Yjs binding see them; see test_editor.py.
// stdin: lines of base64 Yjs states. stdout: for each, the document as JSON after the schema has checked it,
// and whether the binding, given that document, would change the shared state.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const web = process.argv[2];
const require = createRequire(`${web}/package.json`);
const load = async (name) => {
  const found = require.resolve(name).replace(/\.cjs$/, name === "yjs" ? ".mjs" : ".js");
  return import(pathToFileURL(found).href);
};
const Y = await load("yjs");
const { getSchema } = await load("@tiptap/core");
const { updateYFragment, yXmlFragmentToProseMirrorRootNode, initProseMirrorDoc } = await load("@tiptap/y-tiptap");
const { schemaExtensions } = await import(pathToFileURL(`${web}/src/editor/schema.ts`).href);

const schema = getSchema(schemaExtensions({ openLinks: false }));
for await (const line of createInterface({ input: process.stdin })) {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, Buffer.from(line, "base64"));
  const fragment = doc.get("content", Y.XmlFragment);
  const before = Buffer.from(Y.encodeStateVector(doc)).toString("base64");
  const { doc: root, mapping } = initProseMirrorDoc(fragment, schema);
  root.check();
  updateYFragment(doc, fragment, schema.nodeFromJSON(root.toJSON()), { mapping: new Map(), isOMark: new Map() });
  const changed = before !== Buffer.from(Y.encodeStateVector(doc)).toString("base64");
  console.log(JSON.stringify({ document: root.toJSON(), changed }));
}
