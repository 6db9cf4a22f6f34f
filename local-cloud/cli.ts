/** `npm run cloud`: the local cloud alone, until Ctrl+C. */
import { fixedPorts, startLocalCloud } from './cloud.ts'
import { createEnvFile } from './env-file.ts'
import { explainStartFault } from './start-fault.ts'
import { untilStopped } from './until-stopped.ts'

const stopped = untilStopped()
const cloud = await startLocalCloud({ ports: fixedPorts }).catch(explainStartFault)
const envFile = createEnvFile()
envFile.write({ ...cloud.serviceEnv, ...cloud.callerEnv })

process.stdout.write(`
  The local cloud is running.                        Ctrl+C stops it.

  Entra             ${cloud.origins.entra}
  Key Vault         ${cloud.origins.keyVault}
  Microsoft Graph   ${cloud.origins.graph}
  Number API        ${cloud.origins.numberApi}
  Managed identity  ${cloud.origins.managedIdentity}
  Queue             ${cloud.storage.queueUrl}
  Table             ${cloud.storage.tableUrl}

  .env.local points at it. To start the API and the worker with it, in two other terminals:

    set -a; . ./.env.local; set +a; npm start
    set -a; . ./.env.local; set +a; npm run worker

`)

await stopped
envFile.remove()
await cloud.stop()
