import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { host } from '../helpers/functions-host.ts'
import { root } from '../helpers/processes.ts'

await import(new URL('../../functions/number-api/main.mjs', import.meta.url).href)

test('the number API registers one function, behind an access key', () => {
  const [[name, { metadata }] = assert.fail(), ...others] = host.functions
  assert.deepEqual([name, others], ['RandomNumber', []])
  const trigger = Object.values(metadata.bindings).find(({ type }) => type === 'httpTrigger')
  assert.deepEqual([trigger?.['authLevel'], trigger?.['methods'], trigger?.['route']], ['function', ['GET'], undefined])
})

test('answers with a whole number from 1 to 1000, another one each time', async () => {
  const numbers = new Set<number>()
  for (let time = 0; time < 50; time += 1) {
    const answer = await host.request('RandomNumber', { url: 'https://numbers.example/api/RandomNumber' })
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json'])
    const { value } = JSON.parse(answer.body.toString())
    assert.ok(Number.isInteger(value) && value >= 1 && value <= 1_000, String(value))
    numbers.add(value)
  }
  assert.ok(numbers.size > 10)
})

test('is deployed with the library version that it is tested with', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
  const library = '@azure/functions'
  const { [library]: tested } = read('package.json').dependencies
  assert.equal(read('functions/number-api/package.json').dependencies[library], tested)
  assert.equal(read('functions/number-api/package-lock.json').packages[`node_modules/${library}`].version, tested)
})
