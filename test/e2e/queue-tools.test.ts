import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, freePort, run } from '../helpers/processes.ts'
import { startWorker } from '../helpers/worker.ts'

const cloud = await startCloud()

test('the queue can be looked at, emptied, and what was given up put back', async (t) => {
  const env = { ...process.env, ...cloud.serviceEnv, ...cloud.callerEnv }
  const tool = (script: string, args: string[], input?: string) =>
    run(t, process.execPath, ['--import', './tools/trust-local-cloud.mjs', script, ...args], {
      env,
      ...(input && { input }),
    })
  const queue = (...args: string[]) => tool('tools/queue.ts', args)
  const app = await startApp(t, cloud)

  await app.queue.sendMessage('{"code":"abc-1-def"}')
  await app.queue.sendRawMessage(Buffer.from('{"hello":"base64"}').toString('base64'))
  assert.equal((await queue('peek', '1')).output, '{"code":"abc-1-def"}\n1 of about 2 in code-requests\n')
  assert.match((await queue('peek')).output, /^\{"code":"abc-1-def"\}\n\{"hello":"base64"\}\n2 of about 2/)
  const [leased] = await app.queue.leaseMessages(1, 60)
  assert.match((await queue('peek')).output, /1 of about 2 in code-requests; 1 hidden/)
  if (leased !== undefined) await app.queue.releaseMessage(leased, 0)

  const worker = await startWorker(t, cloud)
  await eventually(async () => (await app.queue.countMessages()) === 0, 'the worker gave both up')
  await worker.close()
  const poison = await queue('poison')
  assert.match(
    poison.output,
    /neither \{"code", "timestamp"\}.*\n {4}\{"code":"abc-1-def"\}\n(?:.*\n)*2 of about 2 in code-requests-poison/,
  )
  assert.match((await queue('requeue')).output, /^2 put back on code-requests/)
  assert.match((await queue('peek')).output, /2 of about 2 in code-requests\n/)
  assert.match((await queue('poison')).output, /^0 of about 0/)

  assert.equal((await tool('tools/queue.ts', ['clear'], 'no\n')).status, 0)
  assert.equal(await app.queue.countMessages(), 2, 'only yes is yes')
  assert.match((await tool('tools/queue.ts', ['clear'], 'yes\n')).output, /Delete about 2 messages.*is empty/s)
  assert.match((await queue('clear', '--yes')).output, /is empty/)
  assert.match((await queue('peek', '3')).output, /^0 of about 0/)
  await app.queue.sendRawMessage('{\u0085"hello":"\u009b2J"}')
  const peeked = (await queue('peek')).output
  assert.ok(peeked.includes('2J') && !/[\u0080-\u009f]/.test(peeked), 'a message does not command the terminal')
  for (const args of [['peek', 'many'], ['peek', '0'], ['poison', 'x'], ['other'], []]) {
    assert.equal((await queue(...args)).status, 2, args.join(' '))
  }
})

test('smoke finds the message when no worker runs, and fails when there is neither message nor service', async (t) => {
  const app = await startApp(t, cloud)
  const API_URL = await app.listen({ port: 0 })
  const smoke = (changes: Record<string, string>) =>
    run(t, process.execPath, ['--import', './tools/trust-local-cloud.mjs', 'tools/smoke.ts', '--wait', '1'], {
      env: { ...process.env, ...cloud.serviceEnv, ...cloud.callerEnv, API_URL, ...changes },
    })
  const [queued, lost, refused, cut] = await Promise.all([
    smoke({}),
    smoke({ STORAGE_QUEUE_URL: `${cloud.storage.queueUrl}-poison` }),
    smoke({ TOKEN: await cloud.tokens.mint({ as: 'stranger' }) }),
    smoke({ API_URL: `http://127.0.0.1:${await freePort()}` }),
  ])
  assert.deepEqual([queued.status, lost.status, refused.status, cut.status], [0, 1, 1, 1])
  assert.match(queued.output, /its message on code-requests. No worker took it/)
  assert.match(lost.output, /MISSING/)
  assert.match(refused.output, /answered 403.*role_missing/)
  assert.match(cut.output, /ECONNREFUSED/)
})
