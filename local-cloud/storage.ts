import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { CertificateAuthority } from './certificate-authority.ts'
import { managedIdentity, queueName, resources, sessionsTableName, tableName } from './directory.ts'
import type { Tokens } from './entra/tokens.ts'

/** Azurite's only account when none is configured. */
const ACCOUNT = 'devstoreaccount1'
const API_VERSION = '2024-11-04'
const START_TIMEOUT_MS = 15_000

export interface StoragePorts {
  blob: number
  queue: number
  table: number
}

/** Azure Storage, played by Microsoft's own emulator over https with bearer tokens; it holds everything in memory. */
export async function startStorage(ports: StoragePorts, { server }: CertificateAuthority) {
  const child = fork(
    join(import.meta.dirname, 'storage-process.mjs'),
    [
      ...['--blobPort', String(ports.blob), '--queuePort', String(ports.queue), '--tablePort', String(ports.table)],
      ...['--cert', server.certFile, '--key', server.keyFile, '--oauth', 'basic'],
      ...['--silent', '--disableTelemetry', '--inMemoryPersistence', '--skipApiVersionCheck'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: ['--no-deprecation'], detached: true },
  )
  const bound = await readPorts(child)
  return {
    queueUrl: `https://localhost:${bound.queue}/${ACCOUNT}/${queueName}`,
    tableUrl: `https://localhost:${bound.table}/${ACCOUNT}/${tableName}`,
    sessionsTableUrl: `https://localhost:${bound.table}/${ACCOUNT}/${sessionsTableName}`,
    /** Stops answering without closing connections, as a storage account behind a broken network does. */
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async stop(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

export type Storage = Awaited<ReturnType<typeof startStorage>>

/** Creates what `infra` creates in Azure: the queue, its poison queue, and the tables. */
export async function provisionStorage({ queueUrl, tableUrl }: Storage, tokens: Tokens): Promise<void> {
  const token = await tokens.forAzure(managedIdentity, resources.storage)
  const headers = {
    authorization: `Bearer ${token}`,
    'x-ms-version': API_VERSION,
    'x-ms-date': new Date().toUTCString(),
  }
  const createTable = (name: string) =>
    fetch(new URL('Tables', tableUrl), {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json;odata=nometadata' },
      body: JSON.stringify({ TableName: name }),
    })
  const created = await Promise.all([
    fetch(queueUrl, { method: 'PUT', headers }),
    fetch(`${queueUrl}-poison`, { method: 'PUT', headers }),
    createTable(tableName),
    createTable(sessionsTableName),
  ])
  for (const response of created) {
    const body = await response.text()
    if (!response.ok) throw new Error(`Azurite refused to create ${response.url}: ${response.status} ${body}`)
  }
}

async function readPorts(child: ChildProcess): Promise<StoragePorts> {
  const ports = new Map<string, number>()
  let output = ''
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(`Azurite did not start: ${output}`)), START_TIMEOUT_MS)
  const readLine = (line: string) => {
    output += `${line}\n`
    const [, part, port] = /Azurite (\w+) service is successfully listening at \S+:(\d+)/.exec(line) ?? []
    if (part !== undefined && port !== undefined) ports.set(part, Number(port))
    if (ports.size === 3) resolve()
  }
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) createInterface(stream).on('line', readLine)
  child.once('exit', () => reject(new Error(`Azurite ended: ${output}`)))
  try {
    await promise
    return { blob: ports.get('Blob') ?? 0, queue: ports.get('Queue') ?? 0, table: ports.get('Table') ?? 0 }
  } finally {
    clearTimeout(timer)
  }
}
