// What somebody saw, or was told is saved, is there after a crash.
import { pause, until } from '../until.mjs'

async function found (server, join, place, words) {
  await server.start()
  const late = await join(place, 'boris')
  await until(() => late.sees(words), '', 3).catch(() => { throw new Error(`after the restart ${brief(words)} was lost`) })
}

const brief = words => JSON.stringify(words.length > 30 ? `${words.slice(0, 12)}…${words.slice(-12)}` : words)

export const checks = [
  {
    id: 'acknowledged-survives',
    needs: ['store'],
    async run ({ room, join, server }) {
      const place = await room()
      const anna = await join(place, 'anna')
      anna.type('acknowledged')
      await until(() => anna.acknowledged, 'the edit is acknowledged')
      await server.kill()
      await found(server, join, place, 'acknowledged')
    }
  },
  {
    id: 'seen-survives',
    needs: ['store'],
    async run ({ room, join, server }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.type('seen by another')
      await until(() => boris.sees('seen by another'), 'another client sees the edit')
      await server.kill()
      await found(server, join, place, 'seen by another')
    }
  },
  {
    id: 'typing-survives',
    needs: ['store'],
    async run ({ room, join, server }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      for (let i = 0; i < 40; i++) {
        anna.type(`${i} `)
        await until(() => boris.sees(`${i} `), 'the word is seen')
        await pause(15)
      }
      const seen = boris.text.toString()
      await server.kill()
      await found(server, join, place, seen)
    }
  },
  {
    id: 'last-one-leaves',
    needs: ['store'],
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna')
      anna.type('my last word')
      anna.leave()
      await until(() => anna.ended, 'the last one is gone')
      await until(async () => {
        const late = await join(place, 'boris')
        const there = await until(() => late.sees('my last word'), 'it is there', 0.5).catch(() => false)
        late.leave()
        return there
      }, 'the next visitor finds it')
    }
  },
  {
    id: 'store-fails-once',
    needs: ['store'],
    async run ({ room, join, server }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      anna.type('before ')
      await until(() => boris.sees('before'), 'editing works')
      await pause(server.stores)
      await server.failStore()
      anna.type('during ')
      // acknowledged at once, or once the store is back; a server may also not acknowledge at all
      await until(() => anna.acknowledged, 'the edit is acknowledged', 30)
      await pause(server.stores)
      anna.leave(); boris.leave()
      await until(() => anna.ended && boris.ended, 'everybody is gone')
      await server.storeIsBack()
      await pause(server.stores)
      await server.kill()
      await found(server, join, place, 'before during')
    }
  }
]
