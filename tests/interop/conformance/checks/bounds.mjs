// Memory, patience and room have an end; readers that hit it lose nothing.
import { STEP1, SYNC, sync } from '../framing.mjs'
import { expect, pause, until } from '../until.mjs'

const MIB = 1024 * 1024
const READERS = 8, PASTES = 60, PASTE = 256 * 1024, ASKED = 120

/** One writes 15 MiB and readers do not read; the text stays small, as each paste replaces the one before. */
async function flood ({ room, join }) {
  const place = await room()
  const writer = await join(place, 'anna')
  const readers = []
  for (let i = 0; i < READERS; i++) readers.push(await join(place, 'boris'))
  for (const reader of readers) reader.socket.pause()
  for (let i = 0; i < PASTES; i++) {
    writer.edit(text => { text.delete(0, text.length); text.insert(0, String.fromCharCode(97 + i % 26).repeat(PASTE)) })
    if (i % 4 === 3) await until(() => writer.acknowledged, 'the writer goes on', 60)
  }
  return { writer, readers }
}

export const checks = [
  {
    id: 'slow-reader-bounded',
    async run (kit) {
      const { writer, readers } = await flood(kit)
      const before = kit.server.process.memory
      let most = before
      for (let i = 0; i < ASKED; i++) {
        for (const reader of readers) reader.send(sync(STEP1, Uint8Array.of(0))) // everything, once more
        await pause(5)
        most = Math.max(most, kit.server.process.memory)
      }
      writer.type(' on')
      await until(() => writer.acknowledged, 'the writer goes on', 60)
      const growth = Math.round((Math.max(most, kit.server.process.memory) - before) / MIB)
      const asked = READERS * ASKED * PASTE / MIB
      kit.note(`+${growth} MiB of ${asked}`)
      expect(growth < asked / 2.5, `${READERS} readers that asked for ${asked} MiB and did not read cost ${growth} MiB`)
    }
  },
  {
    id: 'slow-reader-catches-up',
    async run (kit) {
      const { writer, readers } = await flood(kit)
      writer.edit(text => { text.delete(0, text.length); text.insert(0, 'the end') })
      await until(() => writer.acknowledged, 'the writer is done', 20)
      for (const reader of readers) reader.socket.resume()
      await until(() => readers.every(r => r.ended || r.text.toString() === 'the end'), 'each has the newest text or was told to come back', 20)
      writer.type(', and on')
      const still = readers.filter(r => !r.ended)
      await until(() => still.every(r => r.text.toString() === 'the end, and on'), 'they follow again')
    }
  },
  {
    id: 'idle-room-unloads',
    async run ({ join, room, server }) {
      const place = await room()
      const before = await server.openRooms()
      const anna = await join(place, 'anna')
      anna.type('something')
      await until(() => anna.acknowledged, 'it is acknowledged')
      expect(await server.openRooms() > 0, 'no room is open')
      anna.leave()
      await until(async () => (await server.openRooms()) === 0, `rooms that nobody is in are unloaded (${before} were open before)`, 6)
    }
  },
  {
    id: 'heartbeat',
    long: server => !server.concepts.has('heartbeat'),
    async run ({ room, join, server, long }) {
      const anna = await join(await room(), 'anna')
      const since = Date.now()
      const limit = server.concepts.has('heartbeat') && !long ? 4 : 29.5
      await until(() => anna.told.some(m => m.at > since + 100) || anna.ended, 'a silent client is told something before it gives up (30 s)', limit)
      expect(!anna.ended, 'a silent client was disconnected')
    }
  },
  {
    id: 'silence-after-commit',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      const update = anna.type('only once on the wire ')
      await until(() => boris.sees('only once'), 'it is seen')
      const heard = () => boris.told.filter(m => m.type === SYNC && m.step === 2).length
      const count = heard()
      for (let i = 0; i < 20; i++) anna.sendUpdate(update)
      anna.type('next ')
      await until(() => boris.sees('next'), 'the next edit is seen')
      expect(heard() - count <= 2, `the same update went out ${heard() - count - 1} times again`)
    }
  }
]
