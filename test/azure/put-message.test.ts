import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, test } from 'node:test'
import type { TokenCredential } from '@azure/identity'
import { QueueClient } from '@azure/storage-queue'
import { managedIdentity, resources } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { UnsendableMessageError } from '../../src/azure/message-text.ts'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { UnavailableError } from '../../src/errors.ts'
import { startCloud } from '../helpers/cloud.ts'
import { freePort } from '../helpers/processes.ts'
import { startRecorder } from '../helpers/recorder.ts'

type Test = Parameters<typeof startRecorder>[0]

const cloud = await startCloud()
const credential = createCredential()
const client = new QueueClient(cloud.storage.queueUrl, credential)

function openQueue(t: Test, url: string, messageEncoding: 'text' | 'base64' = 'text', as = credential) {
  const queue = createStorageQueue({ url, credential: as, messageEncoding })
  t.after(() => queue.close())
  return queue
}

afterEach(async () => {
  cloud.faults.clear()
  await client.clearMessages()
})

const texts: Array<[what: string, text: string]> = [
  ['plain JSON', '{"code":"ojE-161-pTv","timestamp":"2026-11-20T16:54:48.816Z"}'],
  ['every character that XML escapes', `<a href="&amp;" b='&#10;'>]]></a>`],
  ['line ends and tabs', 'a\nb\r\nc\rd\te\n'],
  ['letters of many scripts and emoji', 'żółw 中文 🎉👩‍👩‍👧 \u00A0\u2028\uFEFF\u{1FFFE}'],
  ['white space around it', '  \n x \t '],
  ['white space alone', ' '],
  ['control characters that XML has', '\u007F\u0085\u009F'],
  ['64 KiB', 'x'.repeat(65_536)],
  ['64 KiB that grow when they are escaped', '&'.repeat(65_536)],
  ['64 KiB of letters with two bytes', 'é'.repeat(32_768)],
]

describe('a message is the same as from QueueClient', () => {
  for (const [what, text] of texts) {
    test(`${what}: on the wire, as text and as base64`, async (t) => {
      const recorder = await startRecorder(t, cloud)
      const url = `${recorder.origin}/account/codes`
      // base64 makes four characters of three bytes.
      const shorter = Buffer.byteLength(text) > 49_152 ? text.slice(0, 20_000) : text
      await openQueue(t, url).sendMessage(text)
      await openQueue(t, url, 'base64').sendMessage(shorter)
      const byClient = new QueueClient(url, credential, { retryOptions: { tryTimeoutInMs: 3_000 } })
      for (const message of [text, Buffer.from(shorter).toString('base64')]) {
        // It reads the answer too, and the recorder's has nothing to read.
        await byClient.sendMessage(message).catch(() => undefined)
      }
      const [ours, ours64, theirs, theirs64] = recorder.requests.map(({ method, url, headers, body }) => {
        const {
          'content-type': type,
          'content-length': length,
          'x-ms-version': version,
          accept,
          authorization,
        } = headers
        return { method, url, type, length, version, accept, authorization, body }
      })
      assert.deepEqual(ours, theirs)
      assert.deepEqual(ours64, theirs64)
    })

    // Azurite decodes each chunk of a request by itself, and so breaks letters of several bytes between two chunks.
    if (text.length > 1_000 && text.length !== Buffer.byteLength(text)) continue
    test(`${what}: on the queue`, async (t) => {
      await openQueue(t, cloud.storage.queueUrl).sendMessage(text)
      await client.sendMessage(text)
      const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 2 })
      const [ours, theirs] = receivedMessageItems.map(({ messageText }) => messageText)
      assert.equal(ours, theirs)
      if (!text.includes('\r')) assert.equal(ours, text)
    })
  }

  test('an empty text', async (t) => {
    await openQueue(t, cloud.storage.queueUrl).sendMessage('')
    const [message] = await openQueue(t, cloud.storage.queueUrl).peekMessages(1)
    assert.equal(message?.text, '')
  })
})

describe('a message that no queue takes is refused before it is sent', () => {
  const refused: Array<[what: string, text: string, reason: RegExp, encoding?: 'base64']> = [
    ['64 KiB and a byte', 'x'.repeat(65_537), /65537 bytes.*65536/],
    ['64 KiB of letters with two bytes', 'é'.repeat(32_769), /65538 bytes/],
    ['more than 64 KiB in base64', 'x'.repeat(49_153), /65540 bytes/, 'base64'],
    ['NUL', 'a\u0000', /U\+0000 at position 1/],
    ['a vertical tab', '\u000B', /U\+000B at position 0/],
    ['an escape', 'ab\u001B[0m', /U\+001B at position 2/],
    ['half of an emoji', '\uD83C', /U\+D83C at position 0/],
    ['the other half', '🎉\uDF89', /U\+DF89 at position 2/],
    ['U+FFFE', '\uFFFE', /U\+FFFE/],
    ['U+FFFF', '\uFFFF', /U\+FFFF/],
  ]
  for (const [what, text, reason, encoding] of refused) {
    test(what, async (t) => {
      const recorder = await startRecorder(t, cloud)
      const sending = openQueue(t, `${recorder.origin}/account/codes`, encoding).sendMessage(text)
      await assert.rejects(sending, (error) => error instanceof UnsendableMessageError && reason.test(error.message))
      assert.equal(recorder.requests.length, 0)
    })
  }

  test('base64 carries what XML cannot', async (t) => {
    const queue = openQueue(t, cloud.storage.queueUrl, 'base64')
    await queue.sendMessage('a\u0000\u001B')
    const [message] = await queue.peekMessages(1)
    assert.equal(Buffer.from(message?.text ?? '', 'base64').toString(), 'a\u0000\u001B')
  })
})

/** What follows a success at once goes without the SDK's pipeline, until it fails. */
const messages: Array<[which: string, open: (t: Test) => ReturnType<typeof openRecorded>]> = [
  ['the first message', (t) => openRecorded(t)],
  [
    'a message right after another',
    async (t) => {
      const opened = await openRecorded(t)
      await opened.queue.sendMessage('before')
      opened.recorder.requests.length = 0
      return opened
    },
  ],
]

async function openRecorded(t: Test, as = credential) {
  const recorder = await startRecorder(t, cloud)
  return { recorder, queue: openQueue(t, `${recorder.origin}/account/codes`, 'text', as) }
}

describe('when a message cannot be sent, queue_unavailable', () => {
  test('names a queue that does not exist, once, and no token', async (t) => {
    const error = await failure(openQueue(t, `${cloud.storage.queueUrl}-missing`).sendMessage('x'))
    assert.match(String(error.cause), /QueueNotFound, status 404/)
    assertHarmless(error)
  })

  test('names a refused connection, after three tries', async (t) => {
    const url = `https://localhost:${await freePort()}/account/codes`
    const error = await failure(openQueue(t, url).sendMessage('x'))
    assert.match(String(error.cause), /ECONNREFUSED/)
    assertHarmless(error)
  })

  test('comes within the deadline when the storage account is silent, and the next message goes through', async (t) => {
    const queue = openQueue(t, cloud.storage.queueUrl)
    await queue.sendMessage('before')
    cloud.storage.pause()
    const since = performance.now()
    try {
      const { cause } = await failure(queue.sendMessage('during'))
      assert.match(String(cause), /no answer within 5000 ms/)
    } finally {
      cloud.storage.resume()
    }
    assert.ok(performance.now() - since < 5_500)
    await queue.sendMessage('after')
  })

  test('comes within the deadline when the identity is silent', async (t) => {
    const silent: TokenCredential = { getToken: () => new Promise(() => undefined) }
    const since = performance.now()
    await failure(openQueue(t, cloud.storage.queueUrl, 'text', silent).sendMessage('x'))
    assert.ok(performance.now() - since < 5_500)
  })

  const answers: Array<[what: string, status: number, tries: number]> = [
    ['401', 401, 1],
    ['403', 403, 1],
    ['404', 404, 1],
    ['400', 400, 1],
    ['200, which is not what Put Message answers', 200, 1],
    ['500 every time', 500, 3],
    ['503 every time', 503, 3],
  ]
  for (const [what, status, tries] of answers) {
    for (const [which, open] of messages) {
      test(`after ${tries} ${tries === 1 ? 'try' : 'tries'} when the queue answers ${which} with ${what}`, async (t) => {
        const { recorder, queue } = await open(t)
        const headers = { 'x-ms-error-code': 'SomeReason', 'content-type': 'application/xml' }
        recorder.answer((response) => response.writeHead(status, headers).end('<Error><Code>SomeReason</Code></Error>'))
        const error = await failure(queue.sendMessage('x'))
        assert.match(String(error.cause), new RegExp(`SomeReason, status ${status}`))
        assert.equal(recorder.requests.length, tries)
        assertHarmless(error)
      })
    }
  }
})

describe('a message is sent again', () => {
  const once: Array<[what: string, fail: (response: ServerResponse) => void]> = [
    ['the queue answers 500', (response) => response.writeHead(500).end()],
    [
      'the queue answers 503 and when to come back',
      (response) => response.writeHead(503, { 'retry-after': '1' }).end(),
    ],
    ['the connection is cut', (response) => response.socket?.destroy()],
    ['the answer does not come', () => undefined],
  ]
  for (const [what, fail] of once) {
    for (const [which, open] of messages) {
      test(`when ${what}, to ${which}`, async (t) => {
        const { recorder, queue } = await open(t)
        recorder.answer((response) => (recorder.requests.length === 1 ? fail(response) : response.writeHead(201).end()))
        await queue.sendMessage('x')
        const [first, second, ...others] = recorder.requests
        assert.deepEqual(first, second)
        assert.deepEqual(others, [])
      })
    }
  }
})

/** Gives `token-1`, `token-2` and so on. */
function issueTokens(lifetimesMs: readonly number[]): TokenCredential {
  let asked = 0
  return {
    async getToken() {
      asked += 1
      return { token: `token-${asked}`, expiresOnTimestamp: Date.now() + (lifetimesMs[asked - 1] ?? 3_600_000) }
    },
  }
}

test('a token is replaced before it expires, and not for every message', async (t) => {
  const { recorder, queue } = await openRecorded(t, issueTokens([1_000]))
  await queue.sendMessage('x')
  await queue.sendMessage('x')
  await new Promise((resolve) => setTimeout(resolve, 600))
  for (let i = 0; i < 3; i += 1) await queue.sendMessage('x')
  const sent = recorder.requests.map(({ headers }) => headers.authorization)
  assert.deepEqual(
    sent,
    ['token-1', 'token-1', 'token-2', 'token-2', 'token-2'].map((token) => `Bearer ${token}`),
  )
})

test('a token that was given a while ago is not kept for further messages', async (t) => {
  const { recorder, queue } = await openRecorded(t, issueTokens([1_500]))
  recorder.answer((response) => setTimeout(() => response.writeHead(201).end(), 700))
  await queue.sendMessage('x')
  await queue.sendMessage('x')
  const sent = recorder.requests.map(({ headers }) => headers.authorization)
  assert.deepEqual(sent, ['Bearer token-1', 'Bearer token-2'])
})

describe('a token that was revoked', () => {
  // Continuous access evaluation: 'Claims challenges, claims requests, and client capabilities', Microsoft Learn.
  const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64')
  const challenge = `Bearer realm="", error="insufficient_claims", claims="${claims}"`

  /** Right after a message went well with `token-1`. */
  async function openRevoked(t: Test, tokens: TokenCredential) {
    const { recorder, queue } = await openRecorded(t, tokens)
    await queue.sendMessage('x')
    recorder.requests.length = 0
    recorder.answer((response) => {
      const isRevoked = recorder.requests.at(-1)?.headers.authorization === 'Bearer token-1'
      response.writeHead(isRevoked ? 401 : 201, isRevoked ? { 'www-authenticate': challenge } : {}).end()
    })
    return { queue, listSent: () => recorder.requests.map(({ headers }) => headers.authorization?.slice(-7)) }
  }

  test('is replaced when the storage account says so', async (t) => {
    const { queue, listSent } = await openRevoked(t, issueTokens([]))
    await queue.sendMessage('x')
    await queue.sendMessage('x')
    assert.deepEqual(listSent(), ['token-1', 'token-2', 'token-2'])
  })

  test('is not sent any more once the storage account has said so', async (t) => {
    const tokens = issueTokens([])
    let delayMs = 0
    const slow: TokenCredential = {
      async getToken(...given) {
        await new Promise((resolve) => setTimeout(resolve, delayMs))
        return await tokens.getToken(...given)
      },
    }
    const { queue, listSent } = await openRevoked(t, slow)
    delayMs = 200
    const sending = queue.sendMessage('x')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await Promise.all([sending, queue.sendMessage('x'), queue.sendMessage('x')])
    assert.deepEqual(listSent(), ['token-1', 'token-2', 'token-2', 'token-2'])
  })
})

test('a token that the storage account finds expired: queue_unavailable, and the token in no error', async (t) => {
  const [, payload = ''] = (await cloud.tokens.forAzure(managedIdentity, resources.storage)).split('.')
  const claims: Record<string, unknown> = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const token = await cloud.issuer.sign({ ...claims, nbf: 1_699_996_400, exp: 1_700_000_000 })
  const stale: TokenCredential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) }
  const error = await failure(openQueue(t, cloud.storage.queueUrl, 'text', stale).sendMessage('x'))
  assert.match(String(error.cause), /status 40[13]/)
  assertHarmless(error, token)
})

test('what is under way when the queue is closed is finished', async (t) => {
  const recorder = await startRecorder(t, cloud)
  recorder.answer((response) => setTimeout(() => response.writeHead(201).end(), 100))
  const queue = openQueue(t, `${recorder.origin}/account/codes`)
  const sending = queue.sendMessage('x')
  while (recorder.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await queue.close()
  await sending
  await failure(queue.sendMessage('x'))
})

async function failure(sending: Promise<void>): Promise<UnavailableError> {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof UnavailableError, String(error))
  assert.equal(error.code, 'queue_unavailable')
  return error
}

/** Nothing of the request is in the error, however deep one looks. */
function assertHarmless(error: UnavailableError, token = 'Bearer'): void {
  const { cause } = error
  assert.ok(cause instanceof Error)
  assert.deepEqual(Object.keys(cause), [])
  for (const text of [cause.message, cause.stack ?? '', String(error)]) assert.ok(!text.includes(token))
  assert.equal(cause.cause, undefined)
}
