import { applications, type Person, type PersonName, people } from '../directory.ts'
import type { AuthorizationRequest } from './authorization-codes.ts'
import type { Form } from './form.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #5a636d; --paper: #eceff3; --card: #fff; --line: #dde1e6; --accent: #0b57d0; --on-accent: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --quiet: #a0a9b3; --paper: #121518; --card: #1b1f24; --line: #333a42; --accent: #8ab4f8; --on-accent: #10233f }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
main { width: min(26rem, 100% - 2rem); margin: 1rem 0; padding: 1.75rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; line-height: 1.3 }
p { margin: 0 0 1.25rem; color: var(--quiet) }
form { display: grid; gap: .6rem }
button { padding: .6rem 1rem; border: 1px solid var(--line); border-radius: .5rem; background: transparent; color: inherit; font: inherit; text-align: left; cursor: pointer }
button:hover { border-color: var(--accent) }
button strong, button span { display: block; overflow-wrap: anywhere }
button span { color: var(--quiet); font-size: .92rem; line-height: 1.4 }
button.first, button.second { text-align: center; font-weight: 600 }
button.first { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
iframe { display: none }
code { font-size: .92em; overflow-wrap: anywhere }
`

/** Where the pages send what a person decided. */
export const DECISION_PATH = '/local-cloud/sign-in'

/** Asks who signs in. @param query the authorization request as it came, and the issuer's name */
export function renderChoice(query: Form, request: AuthorizationRequest, names: readonly PersonName[]): string {
  return page(
    'Sign in',
    `<h1>Sign in</h1>
<p>to ${toMarkup(nameOf(request))}, in the local cloud, where everybody is made up</p>
<form method="post" action="${DECISION_PATH}">${renderFields(query)}
${names.map((name) => renderPerson(name, people[name])).join('\n')}
</form>`,
  )
}

/** Asks the person whether the application may. */
export function renderConsent(query: Form, request: AuthorizationRequest, as: PersonName): string {
  return page(
    'Permissions requested',
    `<h1>Permissions requested</h1>
<p>${toMarkup(people[as].displayName)}, ${toMarkup(nameOf(request))} would like to see your profile, to stay signed in, and to use
<code>${toMarkup(request.scope.split(' ')[0] ?? '')}</code> for you.</p>
<form method="post" action="${DECISION_PATH}">${renderFields({ ...query, person: as })}
<button class="first" name="decision" value="accept">Accept</button>
<button class="second" name="decision" value="decline">Cancel</button>
</form>`,
  )
}

/** Tells every application of this browser (OpenID Connect Front-Channel Logout 1.0), then goes back to the one that asked. */
export function renderSignedOut(frames: readonly string[], backTo: string | undefined): string {
  const refresh = backTo === undefined ? '' : `<meta http-equiv="refresh" content="1;url=${toMarkup(backTo)}">`
  return page(
    'Signed out',
    `<h1>You signed out of your account</h1>
${frames.map((url) => `<iframe title="An application signs out" src="${toMarkup(url)}"></iframe>`).join('\n')}`,
    refresh,
  )
}

function renderPerson(name: PersonName, { displayName, mail }: Person): string {
  return `<button name="person" value="${name}"><strong>${toMarkup(displayName)}</strong><span>${toMarkup(mail)}</span></button>`
}

function renderFields(fields: Form): string {
  return Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${toMarkup(name)}" value="${toMarkup(String(value))}">`)
    .join('')
}

function nameOf({ clientId }: AuthorizationRequest): string {
  return applications.find((app) => app.clientId === clientId)?.displayName ?? clientId
}

function toMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function page(title: string, body: string, head = ''): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>${head}
<style>${STYLE}</style></head>
<body><main>
${body}
</main></body>
</html>
`
}
