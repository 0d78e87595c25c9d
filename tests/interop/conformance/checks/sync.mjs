// Getting in, staying in step, and coming back.
import * as Y from 'yjs'
import { STEP1, STEP2, SYNC, UPDATE } from '../framing.mjs'
import { expect, pause, until } from '../until.mjs'

const syncs = (peer, step) => peer.told.filter(m => m.type === SYNC && m.step === step)

export const checks = [
  {
    id: 'handshake',
    async run ({ room, peer, join }) {
      const place = await room()
      const anna = await join(place, 'anna')
      anna.type('here already ')
      await until(() => anna.acknowledged, 'the first edit is acknowledged')
      const boris = peer(place, 'boris', { answers: false })
      boris.doc.transact(() => boris.text.insert(0, 'written offline '))
      await until(() => syncs(boris, STEP2).length > 0, 'a step1 is answered by step2', 8)
      expect(boris.sees('here already'), 'the step2 lacks what the server has')
      await until(() => syncs(boris, STEP1).length > 0, 'the server asks with a step1 of its own')
      boris.sendUpdate(Y.encodeStateAsUpdate(boris.doc, syncs(boris, STEP1)[0].payload), STEP2)
      await until(() => anna.sees('written offline'), 'what came by step2 reaches the others')
    }
  },
  {
    id: 'repeated-step1',
    async run ({ room, join }) {
      const anna = await join(await room(), 'anna')
      for (let i = 2; i <= 5; i++) {
        anna.ask()
        await until(() => syncs(anna, STEP2).length >= i, `step1 number ${i} is answered`)
      }
    }
  },
  {
    id: 'one-message-per-frame',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.announce({ n: 1 })
      for (let i = 0; i < 50; i++) { anna.type(`a${i} `); boris.type(`b${i} `) }
      await until(() => anna.sees('b49') && boris.sees('a49'), 'both have both')
      await until(() => boris.seesPresenceOf(anna), 'presence is seen')
      const odd = [...anna.told, ...boris.told].filter(m => m.rest !== 0)
      expect(odd.length === 0, `${odd.length} frames hold more than one message`)
    }
  },
  {
    id: 'co-editing',
    async run ({ room, stock }) {
      const place = await room()
      const people = ['anna', 'boris', 'anna'].map(who => stock(place, who))
      await until(() => people.every(p => p.synced()), 'all are synced')
      for (let i = 0; i < 30; i++) {
        people.forEach((p, n) => {
          const at = (i * 7 + n) % (p.text.length + 1)
          if (i % 5 === 4 && p.text.length > 3) p.text.delete(at % (p.text.length - 1), 1)
          else p.text.insert(at, `${'xyz'[n]}${i}`)
        })
        if (i % 10 === 0) await until(() => people[1].text.length > 0, 'something arrived')
      }
      people[0].text.insert(0, '<a>'); people[1].text.insert(0, '<b>'); people[2].text.insert(0, '<c>')
      await until(() => people.every(p => ['<a>', '<b>', '<c>'].every(t => p.text.toString().includes(t))), 'the last edits arrived')
      await until(() => people.every(p => p.text.toString() === people[0].text.toString()), 'all texts are the same')
    }
  },
  {
    id: 'offline-merge',
    async run ({ room, stock }) {
      const place = await room()
      const a = stock(place, 'anna'), b = stock(place, 'boris')
      await until(() => a.synced() && b.synced(), 'both are synced')
      a.text.insert(0, 'common ground ')
      await until(() => b.text.toString() === 'common ground ', 'b has it')
      b.disconnect()
      await until(() => !b.synced(), 'b is offline')
      b.text.delete(0, 7); b.text.insert(0, '[offline]')
      a.text.insert(a.text.length, '[online]')
      b.connect()
      await until(() => b.synced(), 'b is back')
      await until(() => a.text.toString().includes('[offline]') && b.text.toString().includes('[online]'), 'both have both')
      expect(a.text.toString() === b.text.toString(), 'the texts differ')
      expect(!a.text.toString().includes('common'), 'a deletion made offline is missing')
    }
  },
  {
    id: 'late-dependency',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), reader = await join(place, 'boris')
      const other = new Y.Doc(), updates = []
      other.on('update', update => updates.push(update))
      other.getText('content').insert(0, 'first ')
      other.getText('content').insert(6, 'second ')
      anna.sendUpdate(updates[1])
      anna.sendUpdate(updates[0])
      await until(() => reader.text.toString() === 'first second ', 'a reader has both, in order')
      const late = await join(place, 'boris')
      await until(() => late.text.toString() === 'first second ', 'who joins later has both')
    }
  },
  {
    id: 'missing-dependency',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), reader = await join(place, 'boris')
      anna.text.insert(0, 'kept back ') // as another tab's edit that nobody sent on
      anna.type('sent')
      await until(() => reader.text.toString() === 'kept back sent', 'the server asks for what the edit builds on', 5)
    }
  },
  {
    id: 'shuffled-updates',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), reader = await join(place, 'boris')
      const other = new Y.Doc(), updates = [], text = other.getText('content')
      other.on('update', update => updates.push(update))
      for (let i = 0; i < 300; i++) text.insert((i * 17) % (text.length + 1), `${i}.`)
      let seed = 7
      const chance = () => (seed = (seed * 48271) % 2147483647) / 2147483647
      for (let i = updates.length - 1; i > 0; i--) {
        const j = Math.floor(chance() * (i + 1));
        [updates[i], updates[j]] = [updates[j], updates[i]]
      }
      for (const update of updates) anna.sendUpdate(update)
      await until(() => reader.text.toString() === text.toString(), 'a reader has everything', 10)
      const late = await join(place, 'boris')
      await until(() => late.text.toString() === text.toString(), 'who joins later has everything')
    }
  },
  {
    id: 'large-update',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.type('ā'.repeat(1_000_000) + '|end')
      await until(() => boris.sees('|end'), 'two megabytes arrive', 15)
      expect(boris.text.length === 1_000_004, 'they arrived in part')
    }
  },
  {
    id: 'cold-joins',
    async run ({ room, join, peer, server }) {
      const place = await room()
      const anna = await join(place, 'anna')
      anna.type('written before ')
      await until(() => anna.acknowledged, 'it is acknowledged')
      if (server.concepts.has('store')) {
        await pause(server.stores) // a server that stores after a delay has its time
        await server.kill(); await server.start()
      }
      const crowd = Array.from({ length: 150 }, () => peer(place, 'boris'))
      await until(() => crowd.every(p => p.synced || p.ended), 'all 150 are in', 15)
      const poor = () => crowd.filter(p => !p.sees('written before')).length
      await until(() => poor() === 0, 'each of 150 has the document', 5)
    }
  },
  {
    id: 'subdocument',
    async run ({ room, join, peer }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      const odd = peer(place, 'boris')
      await until(() => odd.synced, 'a third one is in')
      const other = new Y.Doc()
      other.getMap('embedded').set('inner', new Y.Doc())
      odd.sendUpdate(Y.encodeStateAsUpdate(other), UPDATE)
      anna.type('life goes on')
      await until(() => boris.sees('life goes on'), 'others go on')
      const late = await join(place, 'boris')
      expect(late.sees('life goes on'), 'the document can be opened')
    }
  },
  {
    id: 'no-doubling',
    needs: ['store'],
    async run ({ room, stock, join, server }) {
      const place = await room()
      const a = stock(place, 'anna'), b = await join(place, 'boris')
      await until(() => a.synced(), 'a client is synced')
      a.text.insert(0, 'once only ')
      await until(() => b.sees('once only'), 'it was shown')
      b.leave()
      await pause(server.stores)
      await server.stop(); await server.start()
      await until(() => a.synced(), 'the client with its old state is back', 15)
      a.text.insert(a.text.length, 'after')
      const late = await join(place, 'boris')
      await until(() => late.sees('after'), 'editing goes on')
      expect(late.text.toString() === 'once only after', `the text became ${JSON.stringify(late.text.toString())}`)
    }
  }
]
