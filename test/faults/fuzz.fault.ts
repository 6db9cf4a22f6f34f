import { fuzz } from '../fuzz/fuzz.ts'

await fuzz(500)
