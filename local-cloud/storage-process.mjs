// Azurite as a child process.
import './end-with-parent.mjs'
import { createRequire } from 'node:module'

createRequire(import.meta.url)('azurite/dist/src/azurite.js')
