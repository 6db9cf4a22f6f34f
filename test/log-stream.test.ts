import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const LINES = 3_000

function startLogger(t: TestContext, stdout: 'pipe' | number, end = 'by itself', count = LINES) {
  const script = join(import.meta.dirname, 'helpers', 'log-many.ts')
  const child = spawn(process.execPath, [script, String(count), end], { stdio: ['ignore', stdout, 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  return { child, exited: once(child, 'exit').then(([status]) => status) }
}

function assertWhole(output: string): void {
  const lines = output.split('\n')
  assert.equal(lines.length, LINES + 1)
  for (const [index, line] of lines.slice(0, LINES).entries()) assertLine(line, index)
}

function assertLine(line: string, index: number): void {
  const length = index % 1_000 === 999 ? 100_000 : index % 500
  assert.ok(line === `${index} ${'ä😀"'.repeat(length)}`, `line ${index}: ${line.slice(0, 40)}`)
}

for (const [end, status] of [
  ['by itself', 0],
  ['at once', 3],
] as const) {
  test(`every line of a process that ends ${end} is there, whole and in order`, async (t) => {
    const { child, exited } = startLogger(t, 'pipe', end)
    assert.ok(child.stdout)
    assertWhole(await text(child.stdout))
    assert.equal(await exited, status)
  })
}

test('a reader that stops for a while holds up nobody, and misses nothing', async (t) => {
  const { child, exited } = startLogger(t, 'pipe')
  assert.ok(child.stdout && child.stderr)
  child.stdout.pause()
  // More than a pipe takes was written by then.
  await once(child.stderr, 'data')
  await sleep(100)
  assertWhole(await text(child.stdout))
  assert.equal(await exited, 0)
})

test('a reader that stops for long misses whole lines, and those that come are in order', async (t) => {
  // Three times what may wait.
  const count = 20_000
  const { child, exited } = startLogger(t, 'pipe', 'by itself', count)
  assert.ok(child.stdout && child.stderr)
  child.stdout.pause()
  await once(child.stderr, 'data')
  const lines = (await text(child.stdout)).split('\n').slice(0, -1)
  assert.ok(lines.length > LINES && lines.length < count, `${lines.length} lines`)
  const numbers = lines.map((line) => Number.parseInt(line, 10))
  for (const [index, line] of lines.entries()) assertLine(line, numbers[index] ?? -1)
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
  assert.equal(await exited, 0)
})

test('a pipe that does not block is asked again until it has room', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  // Also for reading, so that it opens before there is a reader.
  const writing = await open(path, constants.O_RDWR)
  const reading = await open(path, 'r')
  const { child, exited } = startLogger(t, writing.fd)
  // Whatever else has the pipe can make it one, for all: here this process does.
  const other = new Socket({ fd: writing.fd, readable: false, writable: true })
  assert.ok(child.stderr)
  await once(child.stderr, 'data')
  await sleep(100)
  const output = text(createReadStream('', { fd: reading.fd, autoClose: false }))
  assert.equal(await exited, 0)
  other.destroy()
  assertWhole(await output)
  await reading.close()
})

test('a reader that is gone ends nothing', async (t) => {
  const { child, exited } = startLogger(t, 'pipe')
  child.stdout?.destroy()
  assert.equal(await exited, 0)
})

// Only Linux has a disk that is always full.
test('a full disk ends nothing', { skip: process.platform !== 'linux' }, async (t) => {
  const full = await open('/dev/full', 'w')
  t.after(() => full.close())
  const { child, exited } = startLogger(t, full.fd)
  assert.ok(child.stderr)
  assert.equal(await text(child.stderr), 'written')
  assert.equal(await exited, 0)
})
