import { ConfigError } from './read-variables.ts'

/** Ends the process with status 78 and every fault on standard error when the environment does not configure it. */
export function loadOrExit<T>(load: () => T): T {
  try {
    return load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n\nEvery variable is explained in .env.example.\n`)
    process.exit(ConfigError.exitCode)
  }
}
