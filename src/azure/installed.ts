import { findPackageJSON } from 'node:module'

/**
 * Azure's clients are loaded when they are first needed; whoever uses one learns at the start that it is not there.
 * @throws {Error} naming what to install
 */
export function assertInstalled(user: string, ...packages: readonly string[]): void {
  // In a bundle there is no telling, and in this repository they are there.
  if (!import.meta.url.includes('/node_modules/')) return
  const missing = packages.filter((name) => !isInstalled(name))
  if (missing.length > 0) throw new Error(`${user} needs further packages: npm install ${missing.join(' ')}`)
}

function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined
  } catch {
    return false
  }
}
