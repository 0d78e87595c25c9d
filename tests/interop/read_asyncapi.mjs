// What the AsyncAPI parser says of documents: a list in, for each {diagnostics, channels, operations, messages} out.
import { readFileSync } from 'node:fs'
import { Parser } from '@asyncapi/parser'

const parser = new Parser()
const read = async (given) => {
  const { document, diagnostics } = await parser.parse(JSON.stringify(given))
  return {
    diagnostics: diagnostics.map(({ code, message, severity, path }) => ({ code, message, severity, path })),
    channels: document?.channels().all().map((channel) => channel.address()) ?? [],
    operations: document?.operations().all().map((operation) => operation.id()) ?? [],
    messages: document?.components().messages().all().map((message) => message.name()) ?? [],
  }
}
const found = []
for (const given of JSON.parse(readFileSync(0, 'utf8'))) found.push(await read(given))
console.log(JSON.stringify(found))
