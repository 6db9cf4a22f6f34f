import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { UnsendableMessageError } from '../../src/azure/message-text.ts'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { createStorageQueues } from '../../src/azure/storage-queues.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, freePort } from '../helpers/processes.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { startWorker } from '../helpers/worker.ts'

const cloud = await startCloud()
const credential = createCredential()
const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`
let made = 0

/** URLs of queues of this test alone; all of them exist but those that are said to be missing. */
async function makeUrls(count: number, missing: readonly number[] = []): Promise<string[]> {
  made += 1
  const urls = Array.from({ length: count }, (_, index) => `${cloud.storage.queueUrl}-${made}-${index}`)
  for (const [index, url] of urls.entries()) if (!missing.includes(index)) await create(url)
  return urls
}

async function create(url: string): Promise<void> {
  await createStorageQueue({ url, credential, messageEncoding: 'text' }).create()
}

function open(t: TestContext, urls: readonly string[]) {
  const failed: string[] = []
  const onFailure = (name: string) => failed.push(name)
  const queues = createStorageQueues({ urls, credential, messageEncoding: 'text', onFailure })
  t.after(() => queues.close())
  return { queues, failed, counts: () => Promise.all(queues.all.map((queue) => queue.countMessages().catch(() => -1))) }
}

describe('messages', () => {
  for (const count of [2, 3]) {
    test(`are spread evenly over ${count} queues`, async (t) => {
      const { queues, counts } = open(t, await makeUrls(count))
      await Promise.all(Array.from({ length: 30 }, (_, index) => queues.sendMessage(String(index))))
      assert.deepEqual(await counts(), Array(count).fill(30 / count))
      assert.equal(await queues.countMessages(), 30)
    })
  }

  test('all go to the others when one is missing, which is tried again later', async (t) => {
    const [one = '', missing = '', three = ''] = await makeUrls(3, [1])
    const { queues, failed, counts } = open(t, [one, missing, three])
    for (let i = 0; i < 30; i += 1) await queues.sendMessage(String(i))
    const [first = 0, second, third = 0] = await counts()
    assert.deepEqual([first + third, second], [30, -1])
    assert.ok(Math.abs(first - third) <= 2)
    assert.deepEqual(failed, [queues.all[1]?.name], 'that is told once')

    await create(missing)
    await eventually(async () => {
      await queues.sendMessage('later')
      return ((await counts())[1] ?? 0) > 0
    }, 'it has its turn again')
    for (let i = 0; i < 9; i += 1) await queues.sendMessage('now')
    assert.ok(((await counts())[1] ?? 0) >= 4)
  })

  test('go to the others in time when one is silent', async (t) => {
    const [one = '', two = ''] = await makeUrls(2)
    const proxy = await startTcpProxy(t, new URL(one))
    const { queues, counts } = open(t, [proxy.url, two])
    await queues.sendMessage('warm')
    await queues.sendMessage('warm')
    await proxy.set('black hole')
    const since = performance.now()
    await Promise.all([queues.sendMessage('a'), queues.sendMessage('b')])
    const tookMs = performance.now() - since
    assert.ok(tookMs < 4_000, `${tookMs} ms`)
    const again = performance.now()
    await queues.sendMessage('c')
    assert.ok(performance.now() - again < 500, 'the silent one is left alone')
    await proxy.set('up')
    await eventually(async () => ((await counts())[1] ?? 0) >= 4, 'all are on the other')
  })

  test('find no queue when all refuse: queue_unavailable within the deadline, and both recover', async (t) => {
    const urls = await makeUrls(2, [0, 1])
    const { queues } = open(t, urls)
    await assert.rejects(queues.sendMessage('x'), { code: 'queue_unavailable' })
    for (const url of urls) await create(url)
    await queues.sendMessage('x')

    cloud.storage.pause()
    const since = performance.now()
    try {
      await assert.rejects(queues.sendMessage('x'), { code: 'queue_unavailable' })
    } finally {
      cloud.storage.resume()
    }
    assert.ok(performance.now() - since < 5_500)
    await queues.sendMessage('x')
  })

  test('that no queue takes are refused at once, and no queue suffers for it', async (t) => {
    const { queues, failed } = open(t, await makeUrls(2))
    await assert.rejects(queues.sendMessage('\u0000'), UnsendableMessageError)
    assert.deepEqual(failed, [])
  })
})

test('queues of the same name are told apart by their accounts', () => {
  const urls = ['https://a.queue.core.windows.net/codes', 'https://b.queue.core.windows.net/codes']
  const { name } = createStorageQueues({ urls, credential, messageEncoding: 'text', onFailure: () => undefined })
  assert.equal(name, 'a.queue.core.windows.net/codes, b.queue.core.windows.net/codes')
})

test('the service is ready while one queue takes messages, and not when none does', async (t) => {
  const [one = ''] = await makeUrls(1)
  const refusing = `https://localhost:${await freePort()}/devstoreaccount1/codes`
  const check = async (urls: string[]) => {
    const app = await startApp(t, cloud, { STORAGE_QUEUE_URL: urls.join() })
    return (await app.inject('/readyz')).json().checks.queue
  }
  assert.equal(await check([refusing, one]), 'ok')
  assert.equal(await check([refusing, `${one}-missing`]), 'unavailable')
})

test('the worker makes the codes of all queues valid, and gives up what it cannot read to the poison queue of each', async (t) => {
  const urls = await makeUrls(3)
  const env = { STORAGE_QUEUE_URL: urls.join(), METRICS_PORT: '0' }
  const app = await startApp(t, cloud, env)
  const codes: string[] = []
  for (let i = 0; i < 12; i += 1) {
    const response = await app.inject({ url: '/api/v1/getcode', headers: { authorization } })
    codes.push(response.json().code)
  }
  assert.deepEqual(await Promise.all(app.queue.all.map((queue) => queue.countMessages())), [4, 4, 4])
  for (const queue of app.queue.all) await queue.sendMessage('garbage')
  const worker = await startWorker(t, cloud, env)
  for (const code of codes) {
    const verify = () =>
      app.inject({ method: 'POST', url: '/api/v1/codes/verify', headers: { authorization }, payload: { code } })
    await eventually(async () => (await verify()).json().valid, `${code} is valid`)
  }
  for (const url of urls) {
    const poison = createStorageQueue({ url: `${url}-poison`, credential, messageEncoding: 'text' })
    await eventually(async () => (await poison.countMessages().catch(() => 0)) === 1, 'its garbage is there')
  }
  const metrics = (await worker.inject('/metrics')).body
  for (const { name } of app.queue.all) {
    assert.ok(metrics.includes(`codes_messages_total{queue="${name}",outcome="made_valid"} 4`), metrics)
    assert.ok(metrics.includes(`codes_messages_total{queue="${name}",outcome="poisoned"} 1`), metrics)
    assert.ok(metrics.includes(`codes_oldest_message_age_seconds{queue="${name}"} 0`), metrics)
  }
})
