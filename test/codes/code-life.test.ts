import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { advanceCode } from '../../src/codes/advance-code.ts'
import { createCode } from '../../src/codes/code.ts'
import { type CodeRecord, digestOf, keysOf, partitions } from '../../src/codes/code-record.ts'
import { readPoisoned } from '../../src/codes/poison.ts'
import { oldestWaitSeconds } from '../../src/codes/queue-age.ts'
import { sweepPartition } from '../../src/codes/sweep-codes.ts'
import { verifyCode } from '../../src/codes/verify-code.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually } from '../helpers/processes.ts'
import { startWorker } from '../helpers/worker.ts'

const cloud = await startCloud()
const credential = createCredential()
const openQueue = (url: string, messageEncoding: 'text' | 'base64' = 'text') =>
  createStorageQueue({ url, credential, messageEncoding })
const queue = openQueue(cloud.storage.queueUrl)
const poisonQueue = openQueue(`${cloud.storage.queueUrl}-poison`)
const table = createStorageTable({ url: cloud.storage.tableUrl, credential })

afterEach(async () => {
  await queue.clearMessages()
  await poisonQueue.clearMessages()
})

const newMessage = (code = createCode(161), issuedAtMs = Date.now()) => ({
  code,
  text: JSON.stringify({ code, timestamp: new Date(issuedAtMs).toISOString() }),
})

async function leaseOne() {
  const [message] = await eventually(async () => {
    const messages = await queue.leaseMessages(1, 30)
    return messages.length > 0 && messages
  }, 'a message is visible')
  assert.ok(message)
  return message
}

async function stateOf(code: string): Promise<string | undefined> {
  return String((await table.find(keysOf(digestOf(code))))?.properties['state'])
}

describe('a step in the life of a code', () => {
  const stores = { queue, table, lifetimeSeconds: 1 }

  test('makes a new code valid, hides its message until it is due, and then ends it', async () => {
    const { code, text } = newMessage()
    await queue.sendMessage(text)
    assert.equal(await advanceCode(await leaseOne(), stores), 'made_valid')
    assert.equal(await stateOf(code), 'valid')
    assert.deepEqual(await queue.peekMessages(1), [])
    assert.equal(await queue.countMessages(), 1)
    const marked = await leaseOne()
    assert.ok(!marked.text.includes(code), 'the code is no longer on the queue')
    assert.equal(await advanceCode(marked, stores), 'ended')
    assert.equal(await stateOf(code), 'ended')
    assert.equal(await queue.countMessages(), 0)
  })

  test('changes nothing when the code was made valid before, used before, or ended before', async () => {
    const { code, text } = newMessage()
    const deliver = async () => {
      await queue.sendMessage(text)
      return await advanceCode(await leaseOne(), { ...stores, lifetimeSeconds: 600 })
    }
    assert.equal(await deliver(), 'made_valid')
    assert.equal(await deliver(), 'repeated')
    assert.equal((await verifyCode(table, code)).valid, true)
    assert.equal(await deliver(), 'repeated')
    assert.equal(await stateOf(code), 'used')
    assert.equal((await verifyCode(table, code)).valid, false)
  })

  test('keeps a used code used when it is due', async () => {
    const { code, text } = newMessage()
    await queue.sendMessage(text)
    await advanceCode(await leaseOne(), stores)
    assert.equal((await verifyCode(table, code)).valid, true)
    assert.equal(await advanceCode(await leaseOne(), stores), 'ended')
    assert.equal(await stateOf(code), 'used')
  })

  test('hides a mark again that is delivered before it is due', async () => {
    const { code, text } = newMessage()
    await queue.sendMessage(text)
    const lasting = { ...stores, lifetimeSeconds: 600 }
    await advanceCode(await leaseOne(), {
      ...lasting,
      queue: { ...queue, updateMessage: (lease, mark) => queue.updateMessage(lease, mark, 0) },
    })
    const early = await leaseOne()
    assert.match(early.text, /^\{"state":"valid"/)
    assert.equal(await advanceCode(early, lasting), 'not_due')
    assert.equal(await stateOf(code), 'valid')
    assert.deepEqual(await queue.peekMessages(1), [])
  })

  test('drops a message whose code is over by more than the clocks can differ, and makes no row', async () => {
    const { code, text } = newMessage(undefined, Date.now() - 302_000)
    await queue.sendMessage(text)
    assert.equal(await advanceCode(await leaseOne(), stores), 'too_late')
    assert.equal(await table.find(keysOf(digestOf(code))), undefined)
    assert.equal(await queue.countMessages(), 0)
  })

  test('does nothing with a message that somebody else holds by now', async () => {
    const { code, text } = newMessage()
    await queue.sendMessage(text)
    const lost = await leaseOne()
    await queue.releaseMessage(lost, 0)
    const held = await leaseOne()
    assert.equal(await advanceCode(lost, { ...stores, lifetimeSeconds: 600 }), 'made_valid')
    assert.equal(await advanceCode(held, { ...stores, lifetimeSeconds: 600 }), 'repeated')
    assert.equal(await queue.countMessages(), 1)
    assert.equal(await stateOf(code), 'valid')
  })
})

describe('verification', () => {
  async function makeValid(lifetimeSeconds = 600, issuedAtMs = Date.now()) {
    const { code, text } = newMessage(undefined, issuedAtMs)
    await queue.sendMessage(text)
    await advanceCode(await leaseOne(), { queue, table, lifetimeSeconds })
    return code
  }

  test('is true for one of many that ask at the same time', async () => {
    const code = await makeValid()
    const answers = await Promise.all(Array.from({ length: 20 }, () => verifyCode(table, code)))
    assert.equal(answers.filter(({ valid }) => valid).length, 1)
  })

  test('says when the code was issued and when it ends', async () => {
    const issuedAtMs = Date.now()
    const code = await makeValid(600, issuedAtMs)
    assert.deepEqual(await verifyCode(table, code, () => issuedAtMs + 599_999), {
      valid: true,
      issuedAt: new Date(issuedAtMs).toISOString(),
      expiresAt: new Date(issuedAtMs + 600_000).toISOString(),
    })
  })

  test('is false from the end of its time on, though the worker has not ended it', async () => {
    const issuedAtMs = Date.now()
    const code = await makeValid(600, issuedAtMs)
    assert.deepEqual(await verifyCode(table, code, () => issuedAtMs + 600_000), { valid: false })
    assert.equal(await stateOf(code), 'valid')
  })

  test('is false when the code ended while the table took its time', async () => {
    const issuedAtMs = Date.now()
    const code = await makeValid(600, issuedAtMs)
    let nowMs = issuedAtMs + 599_000
    const slow = {
      ...table,
      find: async (...keys: Parameters<typeof table.find>) => {
        nowMs += 2_000
        return await table.find(...keys)
      },
    }
    assert.deepEqual(await verifyCode(slow, code, () => nowMs), { valid: false })
  })

  test('is true when its own update succeeded and only the answer to it was lost', async () => {
    const code = await makeValid()
    const losing = {
      ...table,
      update: async (...update: Parameters<typeof table.update>) => {
        await table.update(...update)
        return await table.update(...update)
      },
    }
    assert.equal((await verifyCode(losing, code)).valid, true)
    assert.equal((await verifyCode(losing, code)).valid, false)
  })
})

describe('the worker', () => {
  const garbage: Array<[what: string, text: string, reason: RegExp]> = [
    ['no JSON', 'hello', /not JSON/],
    ['an empty text', '', /not JSON/],
    ['JSON of something else', '{"hello":1}', /neither/],
    ['a JSON array', '[]', /neither/],
    ['null', 'null', /neither/],
    ['a code without a time', '{"code":"abc-1-def"}', /neither/],
    ['a code that is none', '{"code":"1-2-3","timestamp":"2026-11-20T16:54:48.816Z"}', /neither/],
    ['a time that is none', '{"code":"abc-1-def","timestamp":"yesterday"}', /neither|time/],
    ['a local time', '{"code":"abc-1-def","timestamp":"2026-11-20T16:54:48"}', /neither|time/],
    ['a code from the future', newMessage(undefined, Date.now() + 600_000).text, /future/],
    ['a mark without a digest', '{"state":"valid","digest":"abc","endsAt":"2026-11-20T16:54:48.816Z"}', /neither/],
    ['base64 of no JSON', Buffer.from('hello').toString('base64'), /not JSON/],
    ['base64 of bytes', Buffer.from([0xff, 0xfe, 0x7b, 0]).toString('base64'), /not JSON/],
    ['quotes, tags and emoji', '<a href="&">\'🎉', /not JSON/],
    ['a prototype', '{"__proto__":{"code":"abc-1-def"},"constructor":1}', /neither/],
  ]

  test('puts what it cannot read on the poison queue, with the reason, and goes on', async (t) => {
    for (const [, text] of garbage) await queue.sendRawMessage(text)
    const { code, text } = newMessage()
    await queue.sendMessage(text)
    await startWorker(t, cloud)
    await eventually(async () => (await stateOf(code)) === 'valid', 'the code behind the garbage is valid')
    await eventually(async () => (await poisonQueue.countMessages()) === garbage.length, 'all of it is there')
    const poisoned = (await poisonQueue.peekMessages(32)).map((message) => readPoisoned(message.text))
    for (const [what, text, reason] of garbage) {
      const found = poisoned.find((message) => message.text === text)
      assert.ok(found, `${what} is there unchanged`)
      assert.match(found.reason ?? '', reason, what)
    }
    assert.equal(await queue.countMessages(), 1, 'only the mark of the valid code is left')
  })

  test('keeps 64 KiB that it cannot read whole, where there is no room for the reason', async (t) => {
    const text = 'x'.repeat(64 * 1_024)
    await queue.sendRawMessage(text)
    await startWorker(t, cloud)
    const [poisoned] = await eventually(async () => {
      const messages = await poisonQueue.peekMessages(1)
      return messages.length > 0 && messages
    }, 'it is on the poison queue')
    assert.equal(poisoned && readPoisoned(poisoned.text).text, text)
    await eventually(async () => (await queue.countMessages()) === 0, 'it is off the queue')
  })

  test('gives a message up that fails five times for a reason of its own', async (t) => {
    // The queue refuses to hide a message for longer than it lives.
    const endsAt = new Date(Date.now() + 8 * 86_400_000).toISOString()
    await queue.sendMessage(JSON.stringify({ state: 'valid', digest: digestOf(createCode(1)), endsAt }))
    for (let delivery = 1; delivery < 5; delivery += 1) await queue.releaseMessage(await leaseOne(), 0)
    await startWorker(t, cloud)
    const [poisoned] = await eventually(async () => {
      const messages = await poisonQueue.peekMessages(1)
      return messages.length > 0 && messages
    }, 'it is on the poison queue')
    assert.match(readPoisoned(poisoned?.text ?? '').reason ?? '', /failed 5 times.*refused/)
  })

  test('reads text and base64 side by side, and makes its poison queue when there is none', async (t) => {
    const url = cloud.storage.queueUrl.replace('code-requests', 'other-requests')
    const text = openQueue(url)
    const base64 = openQueue(url, 'base64')
    await text.create()
    const [one, two] = [newMessage(), newMessage()]
    await text.sendMessage(one.text)
    await base64.sendMessage(two.text)
    await base64.sendMessage('hello')
    await startWorker(t, cloud, { STORAGE_QUEUE_URL: url, STORAGE_QUEUE_MESSAGE_ENCODING: 'base64' })
    for (const { code } of [one, two]) {
      await eventually(async () => (await stateOf(code)) === 'valid', 'the code is valid')
    }
    const poison = openQueue(`${url}-poison`)
    const [poisoned] = await eventually(async () => {
      const messages = await poison.peekMessages(1).catch(() => [])
      return messages.length > 0 && messages
    }, 'the poison queue has it')
    assert.equal(readPoisoned(poisoned?.text ?? '').text, Buffer.from('hello').toString('base64'))
  })

  test('finishes what it holds when it is told to stop', async (t) => {
    const messages = Array.from({ length: 60 }, () => newMessage())
    await Promise.all(messages.map(({ text }) => queue.sendMessage(text)))
    const worker = await startWorker(t, cloud)
    await sleep(30)
    await worker.close()
    const visible = await queue.peekMessages(32)
    for (const { text } of visible) assert.ok(messages.some((message) => message.text === text))
    const states = await Promise.all(messages.map(({ code }) => stateOf(code)))
    const isLeft = (text: string) => visible.some((message) => message.text === text)
    const held = messages.filter(({ text }, index) => !isLeft(text) && states[index] !== 'valid')
    if (visible.length < 32) assert.deepEqual(held, [], 'every message is either untouched or done')
  })
})

describe('the sweeper', () => {
  test('deletes rows an hour after their time, by the hundred, and no others', async () => {
    const partitionKey = partitions.at(-1) ?? ''
    const nowMs = Date.now()
    const record = (expiresAtMs: number): CodeRecord => ({
      state: 'ended',
      issuedAt: new Date(expiresAtMs - 600_000).toISOString(),
      expiresAt: new Date(expiresAtMs).toISOString(),
    })
    const rows = (kind: string, count: number, expiresAtMs: number) =>
      Array.from({ length: count }, (_, index) =>
        table.insert({ partitionKey, rowKey: `${kind}${index}`, ...record(expiresAtMs) }),
      )
    await Promise.all([
      ...rows('old', 250, nowMs - 3_602_000),
      ...rows('kept', 3, nowMs - 3_590_000),
      ...rows('valid', 3, nowMs + 600_000),
    ])
    assert.equal(await sweepPartition(table, partitionKey), 250)
    assert.equal(await sweepPartition(table, partitionKey), 0)
    for (const row of ['kept0', 'kept2', 'valid0']) assert.ok(await table.find({ partitionKey, rowKey: row }), row)
    assert.equal(await table.find({ partitionKey, rowKey: 'old0' }), undefined)
  })

  test('deletes no row of a valid code when the clock of its machine is fast', async (t) => {
    const partitionKey = partitions.at(-2) ?? ''
    const record = { state: 'valid', issuedAt: new Date().toISOString(), expiresAt: new Date().toISOString() }
    await table.insert({ partitionKey, rowKey: 'valid', ...record })
    const { now } = Date
    t.mock.method(Date, 'now', () => now() + 10 * 3_600_000)
    assert.equal(await sweepPartition(table, partitionKey), 0)
  })

  test('has nothing to say when another sweeper was faster', async () => {
    await table.deleteEntities('ff', ['gone'])
  })
})

test('the oldest waiting message is measured from when it became visible', async () => {
  assert.equal(await oldestWaitSeconds(queue), 0)
  await queue.sendMessage(newMessage().text)
  const [message] = await queue.peekMessages(1)
  assert.equal(await oldestWaitSeconds(queue, (message?.insertedAtMs ?? 0) + 7_000), 7)
})
