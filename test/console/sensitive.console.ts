import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createStage } from './stage.js'

const stage = createStage([], { env: { ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}` } })
const SECRET = 'hunter2 and more'

it('a sensitive value is hidden, revealed after a confirmation that the audit keeps, and its mask stands for it', async () => {
  const id = '5500'
  await stage.set(id, { port: 80 })
  const page = await stage.open(`/executions/${id}`)
  await page.getByRole('button', { name: 'Add a variable' }).click()
  const form = page.getByRole('region', { name: 'Add a variable' })
  await form.getByLabel('Name').fill('password')
  await form.getByLabel('Value, JSON').fill(JSON.stringify(SECRET))
  await form.getByText('Sensitive: encrypted').click()
  await form.getByRole('button', { name: 'Add' }).click()
  const line = page.locator('[data-variable="password"]')
  await line.getByText('sensitive').waitFor()
  expect(await page.content()).not.toContain(SECRET)

  await page.getByRole('button', { name: 'Reveal', exact: true }).click()
  await page.getByText('The audit keeps that you looked at it').waitFor()
  await page.getByRole('button', { name: 'Reveal it' }).click()
  await page.getByText(SECRET).waitFor()
  const { audit } = await stage.server.query<{ audit: { nodes: { action: string; subject: string | null }[] } }>(
    '{ audit(first: 20) { nodes { action subject } } }',
  )
  expect(audit.nodes.filter(({ subject }) => subject === 'password').map(({ action }) => action)).toContainEqual(
    expect.stringMatching(/reveal/),
  )
  await page.getByRole('button', { name: 'Hide it' }).click()
  expect(await page.getByText(SECRET).count()).toBe(0)

  await page.getByRole('tab', { name: 'Edit' }).click()
  const editor = page.getByLabel('New value of password, JSON')
  expect(await editor.textContent()).toBe('"********"')
  await page.getByText('anything else replaces it').waitFor()
  await editor.fill('"another"')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Saved as revision 3').waitFor()
  await page.getByRole('tab', { name: 'Value' }).click()
  await page.getByRole('button', { name: 'Reveal', exact: true }).click()
  await page.getByRole('button', { name: 'Reveal it' }).click()
  await page.getByText('"another"').waitFor()

  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('this cannot be undone').waitFor()
  await page.getByRole('button', { name: 'Delete it for good' }).click()
  await line.waitFor({ state: 'detached' })
  expect(await page.getByRole('button', { name: 'Undo the deletion' }).count()).toBe(0)
})
