// Azurite as a child process.
import './end-with-parent.mjs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
// Every minute it would clear away the texts of past messages, and answer nobody meanwhile: seconds after two thousand
// messages, a minute after ten thousand. Everything it holds goes when it ends, so that once a day is enough.
require('azurite/dist/src/queue/utils/constants.js').DEFAULT_GC_INTERVAL_MS = 24 * 60 * 60 * 1_000
require('azurite/dist/src/azurite.js')
