// Who is here, and who is not any more.
import { expect, never, until } from '../until.mjs'

export const checks = [
  {
    id: 'presence-shown',
    async run ({ room, stock, join }) {
      const place = await room()
      const a = stock(place, 'anna'), b = await join(place, 'boris')
      await until(() => a.synced(), 'synced')
      a.awareness.setLocalStateField('cursor', { anchor: 3 })
      await until(() => b.awareness.getStates().get(a.doc.clientID)?.cursor?.anchor === 3, 'another sees where it is')
      const late = await join(place, 'boris')
      await until(() => late.awareness.getStates().get(a.doc.clientID)?.cursor?.anchor === 3, 'who joins later sees it too')
    }
  },
  {
    id: 'presence-removed',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.announce({ cursor: 1 })
      await until(() => boris.seesPresenceOf(anna), 'presence is seen')
      anna.announce(null)
      await until(() => !boris.seesPresenceOf(anna), 'its removal is forwarded while the connection stays open', 3)
      const late = await join(place, 'boris')
      late.send(Uint8Array.of(3))
      expect(await never(() => late.seesPresenceOf(anna), 0.3), 'who joins later still sees a ghost')
    }
  },
  {
    id: 'no-ghosts',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.announce({ cursor: 1 })
      await until(() => boris.seesPresenceOf(anna), 'presence is seen')
      anna.vanish()
      await until(() => !boris.seesPresenceOf(anna), 'a client that was cut off is gone for others', 5)
    }
  },
  {
    id: 'presence-is-own',
    needs: ['people'],
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris'), reader = await join(place, 'vera')
      anna.announce({ cursor: 1 })
      await until(() => reader.seesPresenceOf(anna), 'presence is seen')
      boris.announce({ cursor: 99 }, anna.client)
      boris.announce(null, anna.client)
      const state = () => reader.awareness.getStates().get(anna.client)
      expect(await never(() => state()?.cursor !== 1, 0.5), 'one person moved or removed the presence of another')
    }
  },
  {
    id: 'presence-name',
    needs: ['people'],
    async run ({ room, join }) {
      const place = await room()
      const boris = await join(place, 'boris'), reader = await join(place, 'vera')
      boris.announce({ user: { name: 'anna', color: '#000' } })
      await until(() => reader.seesPresenceOf(boris), 'presence is seen')
      const { user } = reader.awareness.getStates().get(boris.client)
      expect(user?.name === 'boris', `boris passed himself off as ${user?.name}`)
    }
  }
]
