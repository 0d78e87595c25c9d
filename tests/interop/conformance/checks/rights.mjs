// Who may not, can't: by no type of message.
import * as Y from 'yjs'
import { STEP2, UPDATE } from '../framing.mjs'
import { expect, never, until } from '../until.mjs'

function readOnlyBy (step) {
  return async ({ room, join, peer }) => {
    const place = await room()
    const anna = await join(place, 'anna')
    anna.type('by an editor ')
    await until(() => anna.acknowledged, 'an editor writes')
    const vera = await join(place, 'vera')
    expect(vera.sees('by an editor'), 'a reader reads')
    const other = new Y.Doc()
    Y.applyUpdate(other, Y.encodeStateAsUpdate(vera.doc))
    other.getText('content').insert(0, 'by a reader ')
    vera.sendUpdate(Y.encodeStateAsUpdate(other, Y.encodeStateVector(vera.doc)), step)
    await until(() => vera.refused() || vera.ended, 'the reader is told that it was not taken', 3).catch(() => null)
    anna.type('and on')
    await until(() => anna.acknowledged, 'the editor goes on')
    const late = await join(place, 'boris')
    expect(!late.sees('by a reader') && !anna.sees('by a reader'), 'a reader wrote')
    expect(vera.refused() || vera.ended, 'the reader was not told')
  }
}

export const checks = [
  {
    id: 'wrong-token',
    needs: ['rights'],
    async run ({ room, peer }) {
      const nobody = peer(await room(), 'nobody')
      await until(() => nobody.ended, 'the connection is refused')
      expect(!nobody.synced, 'it got the document first')
      expect(isFinal(nobody), `refused in a way that makes clients come back: ${JSON.stringify(nobody.ended)}`)
    }
  },
  { id: 'read-only-update', needs: ['rights'], run: readOnlyBy(UPDATE) },
  { id: 'read-only-step2', needs: ['rights'], run: readOnlyBy(STEP2) },
  {
    id: 'read-only-presence',
    needs: ['rights'],
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), vera = await join(place, 'vera')
      vera.announce({ cursor: 5 })
      await until(() => anna.seesPresenceOf(vera), 'an editor sees who reads')
    }
  },
  {
    id: 'kick',
    needs: ['rights'],
    async run ({ room, join, peer, server }) {
      const place = await room({ alone: true })
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      await server.kick(place, 'boris')
      await until(() => boris.ended, 'the open connection ends', 3)
      boris.type('still writing')
      anna.type('without him')
      await until(() => anna.acknowledged, 'the others go on')
      expect(!anna.sees('still writing'), 'he still writes')
      const again = peer(place, 'boris')
      await until(() => again.ended, 'coming back is refused')
      expect(!again.synced, 'he was let in again')
    }
  },
  {
    id: 'forged-author',
    needs: ['people'],
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.type('I agree. ')
      await until(() => boris.sees('I agree'), 'it is seen')
      const pretended = new Y.Doc()
      Y.applyUpdate(pretended, Y.encodeStateAsUpdate(boris.doc))
      pretended.clientID = anna.client
      pretended.getText('content').insert(0, 'NOT: ')
      boris.sendUpdate(Y.encodeStateAsUpdate(pretended, Y.encodeStateVector(boris.doc)))
      await until(() => boris.ended || boris.refused(), 'it is refused', 3).catch(() => null)
      const late = await join(place, 'vera')
      expect(!late.sees('NOT:') && !anna.sees('NOT:'), 'one person wrote under the client id of another')
      expect(boris.ended || boris.refused(), 'it was not refused')
    }
  }
]

/** Whether a client of this framing takes the end as final. */
export function isFinal (peer) {
  if (peer.ended.how === 'denied') return true
  return peer.ended.code >= 4400 && peer.ended.code < 4500
}
