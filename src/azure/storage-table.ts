import type { ListTableEntitiesOptions, TableClient, TransactionAction } from '@azure/data-tables'
import { UnavailableError } from '../errors.ts'
import type { Credential } from './credential.ts'
import { withDeadline } from './deadline.ts'
import { summarizeFault } from './fault-summary.ts'
import { type ObserveCall, unobserved } from './outside-call.ts'

/** Two further tries within the time of one operation. */
const RETRIES = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 }
const OPERATION_TIMEOUT_MS = 5_000

export interface StorageTableOptions {
  /** `https://<account>.table.core.windows.net/<table>` */
  url: string
  credential: Credential
  observe?: ObserveCall
  /** What it fails with while the table is out of reach; default `codes_unavailable`. */
  unavailable?: { code: 'codes_unavailable' | 'sessions_unavailable'; detail: string }
}

const CODES_UNAVAILABLE = {
  code: 'codes_unavailable',
  detail: 'The table of codes is out of reach for the moment.',
} as const

export interface EntityKeys {
  partitionKey: string
  rowKey: string
}

/** An entity as it was read. Its properties are still to be parsed. */
export interface FoundEntity {
  properties: Readonly<Record<string, unknown>>
  etag: string
}

/**
 * One Storage table. Every operation ends within 5 s. It fails with a 503 while the table is out of reach, and with another
 * error when it refuses the operation as such. Azure's client for tables is loaded at the first operation.
 */
export function createStorageTable({
  url,
  credential,
  observe = unobserved,
  unavailable = CODES_UNAVAILABLE,
}: StorageTableOptions) {
  const { account, name } = splitTableUrl(url)
  let client: Promise<TableClient> | undefined

  async function connect(): Promise<TableClient> {
    const { TableClient } = await import('@azure/data-tables')
    return new TableClient(account, name, credential, { retryOptions: RETRIES })
  }

  async function attempt<T>(operation: Operation<T>, expected: readonly Expected<T>[]): Promise<T> {
    try {
      client ??= connect()
      const connected = await client
      return await withDeadline((abortSignal) => operation(connected, abortSignal), OPERATION_TIMEOUT_MS)
    } catch (error) {
      return explain(error, expected, unavailable)
    }
  }

  async function run<T>(operation: Operation<T>, ...expected: Expected<T>[]): Promise<T> {
    return await observe('table', () => attempt(operation, expected))
  }

  async function findRowKeys(filter: string, maxPages: number): Promise<string[]> {
    return await run(async (client, abortSignal) => {
      const queryOptions = { filter, select: ['rowKey'] }
      const found: string[] = []
      let pages = 0
      for await (const page of client.listEntities({ queryOptions, abortSignal }).byPage()) {
        found.push(...page.flatMap(({ rowKey }) => rowKey ?? []))
        pages += 1
        if (pages === maxPages) break
      }
      return found
    })
  }

  return {
    name,
    /** @returns false, and nothing changes, when there is such an entity already */
    async insert(entity: EntityKeys & Record<string, string>): Promise<boolean> {
      return await run(
        async (client, abortSignal) => {
          await client.createEntity(entity, { abortSignal })
          return true
        },
        orWhen('EntityAlreadyExists', false),
      )
    },
    async find({ partitionKey, rowKey }: EntityKeys): Promise<FoundEntity | undefined> {
      return await run(
        async (client, abortSignal) => {
          const { etag, ...properties } = await client.getEntity(partitionKey, rowKey, { abortSignal })
          return { properties, etag }
        },
        orWhen('ResourceNotFound', undefined),
      )
    },
    /**
     * Merges the properties into the entity, if it is still as it was when `etag` was read; `*` if it is still there.
     * @returns false, and nothing changes, when it is not
     */
    async update(entity: EntityKeys & Record<string, string>, etag: string): Promise<boolean> {
      return await run(
        async (client, abortSignal) => {
          await client.updateEntity(entity, 'Merge', { etag, abortSignal })
          return true
        },
        orWhen('UpdateConditionNotSatisfied', false),
        orWhen('ResourceNotFound', false),
      )
    },
    /** The table's own clock, in milliseconds since the epoch and whole seconds. */
    async readClock(): Promise<number> {
      return await run(async (client, abortSignal) => {
        let dateMs = Number.NaN
        const options: ListTableEntitiesOptions = {
          abortSignal,
          onResponse({ headers }) {
            dateMs = Date.parse(headers.get('date') ?? '')
          },
        }
        await client.listEntities(options).byPage({ maxPageSize: 1 }).next()
        if (Number.isNaN(dateMs)) throw new Error('the answer has no date')
        return dateMs
      })
    },
    /** Row keys of one partition whose text property `property` sorts before `limit`, at most one page of 1,000. */
    async findRowKeysBefore(partitionKey: string, property: string, limit: string): Promise<string[]> {
      return await findRowKeys(`PartitionKey eq '${partitionKey}' and ${property} lt '${limit}'`, 1)
    },
    /** All whose text property `property` is `value`, which has no quote. Looks through the whole partition. */
    async findRowKeysWith(partitionKey: string, property: string, value: string): Promise<string[]> {
      return await findRowKeys(
        `PartitionKey eq '${partitionKey}' and ${property} eq '${value}'`,
        Number.POSITIVE_INFINITY,
      )
    },
    /**
     * Deletes entities of one partition, at most 100 ('Performing entity group transactions', Azure Storage REST API): all
     * of them or, when one is gone already, none.
     */
    async deleteEntities(partitionKey: string, rowKeys: readonly string[]): Promise<void> {
      const actions = rowKeys.map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }])
      await run(
        async (client, abortSignal) => {
          await client.submitTransaction(actions, { abortSignal })
        },
        orWhen('ResourceNotFound', undefined),
      )
    },
    /** Rejects unless the table exists and this identity may read it. */
    async assertReady(): Promise<void> {
      await run((client, abortSignal) => client.listEntities({ abortSignal }).byPage({ maxPageSize: 1 }).next())
    },
  }
}

export type StorageTable = ReturnType<typeof createStorageTable>

type Operation<T> = (client: TableClient, abortSignal: AbortSignal) => Promise<T>

type Expected<T> = (errorCode: string | undefined) => { result: T } | undefined

function orWhen<T>(errorCode: string, result: T): Expected<T> {
  return (actual) => (actual === errorCode ? { result } : undefined)
}

/** An error that was foreseen is a result; every other one is thrown. */
function explain<T>(
  error: unknown,
  expected: readonly Expected<T>[],
  unavailable: NonNullable<StorageTableOptions['unavailable']>,
): T {
  const errorCode = readErrorCode(error)
  for (const match of expected) {
    const found = match(errorCode)
    if (found !== undefined) return found.result
  }
  const cause = summarizeFault(error)
  // What the service calls wrong with the operation itself will be wrong the next time too.
  if (isRefusal(error)) throw new Error(`the table refused the operation: ${errorCode}`, { cause })
  throw new UnavailableError(unavailable.code, unavailable.detail, { cause })
}

/** 'Table storage error codes', Azure Storage REST API: `x-ms-error-code`, or what the body of a transaction says. */
function readErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { details, code } = Object(error)
  const errorCode: unknown = details?.errorCode ?? code
  return typeof errorCode === 'string' ? errorCode : undefined
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 400
}

function splitTableUrl(url: string): { account: string; name: string } {
  const at = url.lastIndexOf('/')
  return { account: url.slice(0, at), name: url.slice(at + 1) }
}
