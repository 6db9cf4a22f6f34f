// What `require('@azure/functions-core')` gives inside the Functions host; functions-host.ts puts it there.
module.exports = globalThis.functionsCore
