import { fuzz } from './fuzz.ts'

await fuzz(100)
