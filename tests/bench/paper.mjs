// The Yjs state of a document into which an editing trace was typed, edit by edit.
//   node paper.mjs TRACE.json.gz OUT [EDITS]
import fs from 'node:fs'
import zlib from 'node:zlib'
import * as Y from 'yjs'

const [source, out, edits] = process.argv.slice(2)
const { txns } = JSON.parse(zlib.gunzipSync(fs.readFileSync(source)))
const doc = new Y.Doc(), text = doc.getText('content')
doc.clientID = 1
for (const { patches } of txns.slice(0, edits ? +edits : undefined)) {
  doc.transact(() => {
    for (const [at, removed, inserted] of patches) {
      if (removed) text.delete(at, removed)
      if (inserted) text.insert(at, inserted)
    }
  })
}
fs.writeFileSync(out, Y.encodeStateAsUpdate(doc))
