/** The real service, configured by its environment as in production. */
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'

const app = await buildApp(loadConfig())
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(portOf(app.server))
