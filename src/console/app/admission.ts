import { demandLogin, session } from './session.js'

/** Whether the server takes this tab's credential (none is one, too); unknown until it has answered once. */
type Verdict = 'unknown' | 'accepted' | 'refused'

let credential = session.get().key
let verdict: Verdict = 'unknown'
let reason = ''
let first: Promise<void> | null = null

session.subscribe(() => {
  const { key } = session.get()
  if (key === credential) return
  credential = key
  verdict = 'unknown'
  first = null
})

/** The server's words when it has refused this tab's credential: until somebody logs in, asking again is in vain. */
export function refusal(): string | null {
  return verdict === 'refused' ? reason : null
}

/** The server has refused the credential that was shown, which by now may be another one. */
export function refuse(shown: string | null, why: string): void {
  if (shown !== credential) return
  verdict = 'refused'
  reason = why
  demandLogin(why)
}

/**
 * Sends a request; null when the credential is refused. Of the first requests of a page one goes ahead and the others wait for
 * what becomes of it, so that a page behind a login asks once and not a dozen times. `refusalOf` says why an answer is one.
 */
export async function sendAdmitted<Answer>(
  send: () => Promise<Answer>,
  refusalOf: (answer: Answer) => string | null,
): Promise<Answer | null> {
  while (verdict === 'unknown' && first !== null) await first
  if (verdict === 'refused') {
    demandLogin(reason)
    return null
  }
  const shown = credential
  const sent = send().then((answer) => {
    const why = refusalOf(answer)
    if (why !== null) refuse(shown, why)
    else if (shown === credential) verdict = 'accepted'
    return answer
  })
  if (verdict === 'unknown') {
    first = sent.then(
      () => undefined,
      () => undefined,
    )
    void first.then(() => {
      if (shown === credential) first = null
    })
  }
  return sent
}
