// hocuspocus with its own defaults, documents in files, and three people: anna and boris edit, vera reads.
// Told by its parent: {do: 'fail'} (the next store fails), {do: 'kick', room, token}, {do: 'rooms'}.
import fs from 'node:fs'
import { Database } from '@hocuspocus/extension-database'
import { Server } from '@hocuspocus/server'

const directory = process.env.DATA
const kicked = new Set()
let failing = false
const file = name => `${directory}/${encodeURIComponent(name)}`
const server = new Server({
  port: +process.env.PORT,
  address: '127.0.0.1',
  quiet: true,
  async onAuthenticate ({ token, documentName, connectionConfig }) {
    if (!['anna', 'boris', 'vera'].includes(token) || kicked.has(`${documentName} ${token}`)) throw new Error('denied')
    connectionConfig.readOnly = token === 'vera'
    return { token }
  },
  extensions: [new Database({
    fetch: async ({ documentName }) => fs.existsSync(file(documentName)) ? fs.readFileSync(file(documentName)) : null,
    store: async ({ documentName, state }) => {
      if (failing) { failing = false; throw new Error('the store fails once') }
      fs.writeFileSync(file(documentName), state)
    }
  })]
})

const orders = {
  fail: () => { failing = true },
  rooms: () => server.hocuspocus.documents.size,
  kick: ({ room, token }) => {
    kicked.add(`${room} ${token}`)
    for (const connection of server.hocuspocus.documents.get(room)?.getConnections() ?? []) {
      if (connection.context.token === token) connection.close({ code: 4403, reason: 'Forbidden' })
    }
  }
}
process.on('message', order => process.send({ answer: orders[order.do](order) ?? null }))
process.on('disconnect', () => process.exit(0))
process.on('SIGTERM', () => server.destroy().then(() => process.exit(0)))
await server.listen()
