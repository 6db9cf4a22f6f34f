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

  const [only] = app.queue.all
  assert.ok(only)

  await app.queue.sendMessage('{"code":"abc-1-def"}')
  await only.sendRawMessage(Buffer.from('{"hello":"base64"}').toString('base64'))
  assert.equal((await queue('peek', '1')).output, '{"code":"abc-1-def"}\n1 of about 2 in code-requests\n')
  assert.match((await queue('peek')).output, /^\{"code":"abc-1-def"\}\n\{"hello":"base64"\}\n2 of about 2/)
  const [leased] = await only.leaseMessages(1, 60)
  assert.match((await queue('peek')).output, /1 of about 2 in code-requests; 1 hidden/)
  if (leased !== undefined) await only.releaseMessage(leased, 0)

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
  await app.queue.all[0]?.sendRawMessage('{\u0085"hello":"\u009b2J"}')
  const peeked = (await queue('peek')).output
  assert.ok(peeked.includes('2J') && !/[\u0080-\u009f]/.test(peeked), 'a message does not command the terminal')
  assert.equal((await queue('clear', '--yes')).status, 0)
  for (const args of [['peek', 'many'], ['peek', '0'], ['poison', 'x'], ['other'], []]) {
    assert.equal((await queue(...args)).status, 2, args.join(' '))
  }
})

test('several queues are each looked at and put back by themselves, also when one is missing', async (t) => {
  const urls = ['', '-two', '-missing'].map((suffix) => `${cloud.storage.queueUrl}${suffix}`)
  const changes = { STORAGE_QUEUE_URL: urls.join(',') }
  const app = await startApp(t, cloud, changes)
  const [one, two] = app.queue.all
  assert.ok(one && two)
  await two.create()
  await one.sendMessage('{"code":"one"}')
  await two.sendMessage('{"code":"two"}')
  const queue = (args: string[], env: Record<string, string>) =>
    run(t, process.execPath, ['--import', './tools/trust-local-cloud.mjs', 'tools/queue.ts', ...args], {
      env: { ...process.env, ...cloud.serviceEnv, ...cloud.callerEnv, ...env },
    })
  const peeked = await queue(['peek'], changes)
  assert.equal(peeked.status, 1)
  assert.match(peeked.output, /\{"code":"one"\}\n1 of about 1 in code-requests\n/)
  assert.match(peeked.output, /\{"code":"two"\}\n1 of about 1 in code-requests-two\n/)
  assert.match(peeked.output, /code-requests-missing: .*\n.*QueueNotFound/)

  const both = { STORAGE_QUEUE_URL: urls.slice(0, 2).join(',') }
  const worker = await startWorker(t, cloud, both)
  await eventually(async () => (await two.countMessages()) + (await one.countMessages()) === 0, 'both are given up')
  await worker.close()
  assert.match((await queue(['poison'], both)).output, /code-requests-poison[\s\S]*code-requests-two-poison/)
  assert.match(
    (await queue(['requeue'], both)).output,
    /1 put back on code-requests\.[\s\S]*1 put back on code-requests-two\./,
  )
  assert.deepEqual([await one.countMessages(), await two.countMessages()], [1, 1])
  assert.match((await queue(['clear', '--yes'], both)).output, /code-requests, code-requests-two are empty/)
  assert.deepEqual([await one.countMessages(), await two.countMessages()], [0, 0])
})

test('smoke finds the message when no worker runs, and fails when there is neither message nor service', async (t) => {
  const app = await startApp(t, cloud)
  const API_URL = await app.listen({ port: 0 })
  const smoke = (changes: Record<string, string>) =>
    run(t, process.execPath, ['--import', './tools/trust-local-cloud.mjs', 'tools/smoke.ts', '--wait', '1'], {
      env: { ...process.env, ...cloud.serviceEnv, ...cloud.callerEnv, API_URL, ...changes },
    })
  const two = `${cloud.storage.queueUrl}-poison,${cloud.storage.queueUrl}`
  const [queued, queuedOnOne, lost, refused, cut] = await Promise.all([
    smoke({}),
    smoke({ STORAGE_QUEUE_URL: two }),
    smoke({ STORAGE_QUEUE_URL: `${cloud.storage.queueUrl}-poison` }),
    smoke({ TOKEN: await cloud.tokens.mint({ as: 'stranger' }) }),
    smoke({ API_URL: `http://127.0.0.1:${await freePort()}` }),
  ])
  assert.deepEqual([queued.status, queuedOnOne.status, lost.status, refused.status, cut.status], [0, 0, 1, 1, 1])
  assert.match(queued.output, /its message on code-requests. No worker took it/)
  assert.match(queuedOnOne.output, /its message on code-requests\./)
  assert.match(lost.output, /MISSING/)
  assert.match(refused.output, /answered 403.*role_missing/)
  assert.match(cut.output, /ECONNREFUSED/)
})
