// A replica that has un-redacted updates syncs with one that has the redacted ones, in real Yjs.
//   stdin: one JSON {original: [base64], redacted: [base64], secret}
// Prints one JSON line: for each replica {text, vector, tells, pending}; `again`: what the first gives back.
import * as Y from 'yjs'

let input = ''
for await (const chunk of process.stdin) input += chunk
const { original, redacted, secret } = JSON.parse(input)
const make = updates => {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, Buffer.from(update, 'base64'))
  return doc
}
const [old, clean, mixed] = [make(original), make(redacted.toReversed()), make([...original.slice(0, original.length / 2), ...redacted])]
const told = doc => {
  const state = Buffer.from(Y.encodeStateAsUpdate(doc))
  return {
    text: doc.getText('content').toString(),
    vector: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
    tells: state.includes(Buffer.from(secret)),
    pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null
  }
}
const before = told(old)
const again = Y.encodeStateAsUpdate(old, Y.encodeStateVector(clean)) // step 2 of the old one, made before it knows
Y.applyUpdate(old, Y.encodeStateAsUpdate(clean, Y.encodeStateVector(old)))
Y.applyUpdate(clean, again)
console.log(JSON.stringify({ before, again: Buffer.from(again).includes(Buffer.from(secret)), after: [old, clean, mixed].map(told) }))
