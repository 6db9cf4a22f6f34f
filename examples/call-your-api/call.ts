/** `npm run call -- getcode|hello-graph [--b2c | --certificate | --user]`: one of the clients in this folder. */
const ways: Readonly<Record<string, string>> = {
  '--secret': './with-secret.ts',
  '--certificate': './with-certificate.ts',
  '--b2c': './from-b2c.ts',
  '--user': './as-user.ts',
}
const [endpoint = '', way = '--secret'] = process.argv.slice(2)
const client = ways[way]
if (client === undefined || !['getcode', 'hello-graph'].includes(endpoint)) {
  process.stderr.write('npm run call -- getcode|hello-graph [--b2c | --certificate | --user]\n')
  process.exit(2)
}
await import(client)
