import { app } from '@azure/functions'
import { randomNumber } from './random-number.ts'

// The host checks the access key, in `x-functions-key` or `code`, before this code sees the request.
app.http('RandomNumber', { methods: ['GET'], authLevel: 'function', handler: randomNumber })
