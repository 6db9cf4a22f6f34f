// Loaded before everything else, in plain JavaScript, so that an older Node can still read it.
import module from 'node:module'

const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `This is Node ${process.versions.node}; fastify-entra needs Node 22.19 or newer, as the Azure SDKs do.\n` +
      'It brings its own Node 24: run `npm ci`, then start it through npm (npm run dev, npm start).\n' +
      'If you did, npm was told not to run install scripts: run `npm rebuild node`.\n',
  )
  process.exit(1)
}

// What was compiled once need not be at the next start; where it is kept, NODE_COMPILE_CACHE can say.
module.enableCompileCache()
