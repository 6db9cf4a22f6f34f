// Preloaded: says on standard error which packages this process imports.
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    if (/^[@\w]/.test(specifier)) process.stderr.write(`imported ${specifier}\n`)
    return next(specifier, context)
  },
})
