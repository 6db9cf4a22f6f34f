import { fuzz } from '../fuzz/fuzz.ts'

await fuzz(2_000)
