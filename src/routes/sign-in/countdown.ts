import type { FastifyPluginAsync } from 'fastify'

/**
 * The one script of these pages: it counts the remaining seconds down, and loads the page anew when they are over or when the
 * worker may have seen the code. A text, because it runs in the browser.
 */
const SCRIPT = `
const remaining = document.getElementById('remaining')
const progress = document.getElementById('progress')
if (remaining) {
  const endsAt = Date.now() + Number(remaining.dataset.seconds) * 1000
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((endsAt - Date.now()) / 1000))
    remaining.textContent = Math.floor(seconds / 60) + ':' + String(seconds % 60).padStart(2, '0')
    progress.value = seconds
    setTimeout(seconds > 0 ? tick : () => location.reload(), seconds > 0 ? 250 : 1000)
  }
  tick()
}
if (document.getElementById('pending')) setTimeout(() => location.reload(), 3000)
`

/** `GET /app/countdown.js`: for anybody, and so without a session. */
export const countdownRoute: FastifyPluginAsync = async (app) => {
  app.get('/countdown.js', async (_request, reply) => reply.type('text/javascript; charset=utf-8').send(SCRIPT))
}
