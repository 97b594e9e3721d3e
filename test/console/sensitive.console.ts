import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { addSensitive, openDraft, reveal, saveDraft } from './hands.js'
import { createStage } from './stage.js'

const stage = createStage([], { env: { ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}` } })
const SECRET = 'hunter2 and more'

it('a sensitive value is hidden, revealed after a confirmation that the audit keeps, and its mask stands for it', async () => {
  const id = '5500'
  await stage.set(id, { port: 80 })
  const page = await stage.open(`/executions/${id}`)
  await addSensitive(page, 'password', SECRET)
  const line = page.locator('[data-variable="password"]')
  await line.getByText('sensitive').waitFor()
  expect(await page.content()).not.toContain(SECRET)

  await reveal(page)
  await page.getByText(SECRET).waitFor()
  const { audit } = await stage.server.query<{ audit: { nodes: { action: string; subject: string | null }[] } }>(
    '{ audit(first: 20) { nodes { action subject } } }',
  )
  expect(audit.nodes.filter(({ subject }) => subject === 'password').map(({ action }) => action)).toContainEqual(
    expect.stringMatching(/reveal/),
  )
  await page.getByRole('button', { name: 'Hide it' }).click()
  expect(await page.getByText(SECRET).count()).toBe(0)

  const editor = await openDraft(page, 'password')
  expect(await editor.textContent()).toBe('"********"')
  await page.getByText('anything else replaces it').waitFor()
  await editor.fill('"another"')
  await saveDraft(page)
  await page.getByText('Saved as revision 3').waitFor()
  await page.getByRole('tab', { name: 'Value' }).click()
  await reveal(page)
  await page.getByText('"another"').waitFor()

  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('this cannot be undone').waitFor()
  await page.getByRole('button', { name: 'Delete it for good' }).click()
  await line.waitFor({ state: 'detached' })
  expect(await page.getByRole('button', { name: 'Undo the deletion' }).count()).toBe(0)
})
