// Preloaded into a process whose clock is to be wrong by CLOCK_OFFSET_SECONDS.
const offsetMs = Number(process.env.CLOCK_OFFSET_SECONDS) * 1_000
const RealDate = Date

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + offsetMs)
    else super(...parts)
  }

  static now() {
    return RealDate.now() + offsetMs
  }
}
