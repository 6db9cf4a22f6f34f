import { fuzz } from '../fuzz/fuzz.ts'

await fuzz(1_000)
