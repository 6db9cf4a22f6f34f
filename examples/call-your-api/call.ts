/** `npm run call -- getcode|hello-graph [--b2c] [--certificate] [--user]`: one of the clients in this folder. */
const [endpoint = '', ...ways] = process.argv.slice(2)
const areKnown = ways.every((way) => ['--b2c', '--certificate', '--user'].includes(way))
if (!['getcode', 'hello-graph'].includes(endpoint) || !areKnown) {
  process.stderr.write('npm run call -- getcode|hello-graph [--b2c] [--certificate] [--user]\n')
  process.exit(2)
}
if (ways.includes('--user')) await import('./as-user.ts')
else if (ways.includes('--b2c')) await import('./from-b2c.ts')
else if (ways.includes('--certificate')) await import('./with-certificate.ts')
else await import('./with-secret.ts')
