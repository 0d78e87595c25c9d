// Reads Yjs updates, one base64 line each, from stdin; prints the text "content" of the document they make.
import readline from 'node:readline'
import * as Y from 'yjs'

const doc = new Y.Doc()
for await (const line of readline.createInterface({ input: process.stdin })) Y.applyUpdate(doc, Buffer.from(line, 'base64'))
process.stdout.write(doc.getText('content').toString())
