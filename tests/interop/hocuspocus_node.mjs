// hocuspocus_client.mjs in Node: an order as a JSON line on stdin, its answer as a JSON line on stdout.
import readline from 'node:readline'
import WebSocket from 'ws'
import { handle } from './hocuspocus_client.mjs'

for (const level of ['log', 'info', 'warn', 'error']) console[level] = () => {} // stdout is for answers
for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(handle(JSON.parse(line), WebSocket)) + '\n')
}
process.exit(0)
