/** `npm run call -- getcode|hello-graph|verify <code> [--b2c] [--certificate] [--user]`: one of the clients in this folder. */
const words = process.argv.slice(2)
const ways = words.filter((word) => word.startsWith('--'))
const [endpoint = '', ...codes] = words.filter((word) => !word.startsWith('--'))
const isKnown =
  endpoint === 'verify' ? codes.length === 1 : ['getcode', 'hello-graph'].includes(endpoint) && codes.length === 0
if (!isKnown || !ways.every((way) => ['--b2c', '--certificate', '--user'].includes(way))) {
  process.stderr.write('npm run call -- getcode|hello-graph|verify <code> [--b2c] [--certificate] [--user]\n')
  process.exit(2)
}
if (ways.includes('--user')) await import('./as-user.ts')
else if (ways.includes('--b2c')) await import('./from-b2c.ts')
else if (ways.includes('--certificate')) await import('./with-certificate.ts')
else await import('./with-secret.ts')
